// SPDX-License-Identifier: Apache-2.0
// D-Bus of libsystemd. It is loaded with the first Manager: with what it needs itself, loading it takes
// longer than most steps run, and few of them talk to the manager.
#pragma once

#include <systemd/sd-bus.h>

namespace eks {

// sd_bus_call() is libsystemd().bus_call().
struct LibSystemd {
        decltype(&::sd_bus_call) bus_call;
        decltype(&::sd_bus_call_method) bus_call_method;
        decltype(&::sd_bus_error_free) bus_error_free;
        decltype(&::sd_bus_error_has_name) bus_error_has_name;
        decltype(&::sd_bus_flush_close_unref) bus_flush_close_unref;
        decltype(&::sd_bus_get_fd) bus_get_fd;
        decltype(&::sd_bus_get_property) bus_get_property;
        decltype(&::sd_bus_get_property_string) bus_get_property_string;
        decltype(&::sd_bus_get_property_strv) bus_get_property_strv;
        decltype(&::sd_bus_get_property_trivial) bus_get_property_trivial;
        decltype(&::sd_bus_match_signal) bus_match_signal;
        decltype(&::sd_bus_message_append) bus_message_append;
        decltype(&::sd_bus_message_close_container) bus_message_close_container;
        decltype(&::sd_bus_message_enter_container) bus_message_enter_container;
        decltype(&::sd_bus_message_exit_container) bus_message_exit_container;
        decltype(&::sd_bus_message_new_method_call) bus_message_new_method_call;
        decltype(&::sd_bus_message_open_container) bus_message_open_container;
        decltype(&::sd_bus_message_peek_type) bus_message_peek_type;
        decltype(&::sd_bus_message_read) bus_message_read;
        decltype(&::sd_bus_message_read_basic) bus_message_read_basic;
        decltype(&::sd_bus_message_skip) bus_message_skip;
        decltype(&::sd_bus_message_unref) bus_message_unref;
        decltype(&::sd_bus_new) bus_new;
        decltype(&::sd_bus_open_system) bus_open_system;
        decltype(&::sd_bus_process) bus_process;
        decltype(&::sd_bus_set_address) bus_set_address;
        decltype(&::sd_bus_set_method_call_timeout) bus_set_method_call_timeout;
        decltype(&::sd_bus_slot_unref) bus_slot_unref;
        decltype(&::sd_bus_start) bus_start;
        decltype(&::sd_bus_wait) bus_wait;
};

// Throws Error (manager_unreachable). A step that confines itself calls it before, for instance by
// connect_to_manager().
const LibSystemd& libsystemd();

} // namespace eks
