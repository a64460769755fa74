// SPDX-License-Identifier: Apache-2.0
#include "systemd/libsystemd.hpp"

#include <dlfcn.h>

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

namespace {

constexpr const char* library = "libsystemd.so.0";

template <typename Function>
void find(void* module, const char* name, Function& function)
{
        function = reinterpret_cast<Function>(::dlsym(module, name));
        if (function == nullptr)
                throw Error(failure::manager_unreachable,
                        fmt::format("{} has no function '{}'", library, name),
                        "Install systemd 252 or newer");
}

LibSystemd load()
{
        void* const module = ::dlopen(library, RTLD_NOW | RTLD_LOCAL); // stays for the life of the program
        if (module == nullptr)
                throw Error(failure::manager_unreachable,
                        fmt::format("cannot load {}: {}", library, ::dlerror()),
                        "Install the package of libsystemd");

        LibSystemd found{};
        find(module, "sd_bus_call", found.bus_call);
        find(module, "sd_bus_call_method", found.bus_call_method);
        find(module, "sd_bus_error_free", found.bus_error_free);
        find(module, "sd_bus_error_has_name", found.bus_error_has_name);
        find(module, "sd_bus_flush_close_unref", found.bus_flush_close_unref);
        find(module, "sd_bus_get_fd", found.bus_get_fd);
        find(module, "sd_bus_get_property", found.bus_get_property);
        find(module, "sd_bus_get_property_string", found.bus_get_property_string);
        find(module, "sd_bus_get_property_strv", found.bus_get_property_strv);
        find(module, "sd_bus_get_property_trivial", found.bus_get_property_trivial);
        find(module, "sd_bus_match_signal", found.bus_match_signal);
        find(module, "sd_bus_message_append", found.bus_message_append);
        find(module, "sd_bus_message_close_container", found.bus_message_close_container);
        find(module, "sd_bus_message_enter_container", found.bus_message_enter_container);
        find(module, "sd_bus_message_exit_container", found.bus_message_exit_container);
        find(module, "sd_bus_message_new_method_call", found.bus_message_new_method_call);
        find(module, "sd_bus_message_open_container", found.bus_message_open_container);
        find(module, "sd_bus_message_peek_type", found.bus_message_peek_type);
        find(module, "sd_bus_message_read", found.bus_message_read);
        find(module, "sd_bus_message_read_basic", found.bus_message_read_basic);
        find(module, "sd_bus_message_skip", found.bus_message_skip);
        find(module, "sd_bus_message_unref", found.bus_message_unref);
        find(module, "sd_bus_new", found.bus_new);
        find(module, "sd_bus_open_system", found.bus_open_system);
        find(module, "sd_bus_process", found.bus_process);
        find(module, "sd_bus_set_address", found.bus_set_address);
        find(module, "sd_bus_set_method_call_timeout", found.bus_set_method_call_timeout);
        find(module, "sd_bus_slot_unref", found.bus_slot_unref);
        find(module, "sd_bus_start", found.bus_start);
        find(module, "sd_bus_wait", found.bus_wait);

        return found;
}

} // namespace

const LibSystemd& libsystemd()
{
        static const LibSystemd loaded = load();
        return loaded;
}

} // namespace eks
