// SPDX-License-Identifier: Apache-2.0
#include "base/manager.hpp"

#include <cstdlib>
#include <cstring>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

namespace {

constexpr const char* destination = "org.freedesktop.systemd1";
constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager_interface = "org.freedesktop.systemd1.Manager";
constexpr const char* unit_interface = "org.freedesktop.systemd1.Unit";
constexpr const char* service_interface = "org.freedesktop.systemd1.Service";
constexpr auto poll_interval = std::chrono::milliseconds(20);

void check(int result, std::string_view doing)
{
        if (result < 0)
                throw Error(failure::manager_unreachable,
                        fmt::format("cannot {}: {}", doing, ::strerror(-result)),
                        "Run this on a node, as root if need be");
}

std::string text_property(sd_bus* bus, const std::string& path, const char* interface, const char* name)
{
        char* raw = nullptr;
        if (::sd_bus_get_property_string(bus, destination, path.c_str(), interface, name, nullptr, &raw) < 0)
                return {}; // targets have no Result=, for instance
        const std::unique_ptr<char, Deleter<::free>> text(raw);
        return raw;
}

template <typename T>
T trivial_property(sd_bus* bus, const std::string& path, const char* interface, const char* name, char type)
{
        T value{};
        ::sd_bus_get_property_trivial(
                bus, destination, path.c_str(), interface, name, nullptr, type, &value);
        return value;
}

} // namespace

Manager::Manager()
{
        sd_bus* bus = nullptr;
        if (::geteuid() == 0) {
                check(::sd_bus_new(&bus), "make a bus connection");
                bus_.reset(bus);
                ::sd_bus_set_address(bus, "unix:path=/run/systemd/private");
                if (::sd_bus_start(bus) >= 0)
                        return;
                bus_.reset();
        }
        check(::sd_bus_open_system(&bus), "reach the service manager");
        bus_.reset(bus);
}

Manager::Unit Manager::unit(const std::string& name)
{
        sd_bus_error error{};
        sd_bus_message* raw = nullptr;
        const int result = ::sd_bus_call_method(bus_.get(), destination, manager_path, manager_interface,
                "LoadUnit", &error, &raw, "s", name.c_str());
        ::sd_bus_error_free(&error);
        const MessagePtr reply(raw);
        check(result, fmt::format("load '{}'", name));
        const char* path = nullptr;
        check(::sd_bus_message_read(raw, "o", &path), "read the manager's answer");
        return {this, path, name.ends_with(".service")};
}

std::string Manager::Unit::text(const char* name) const
{
        return text_property(manager->bus_.get(), path, unit_interface, name);
}

std::uint64_t Manager::Unit::number(const char* name) const
{
        return trivial_property<std::uint64_t>(manager->bus_.get(), path, unit_interface, name, 't');
}

bool Manager::Unit::boolean(const char* name) const
{
        return trivial_property<int>(manager->bus_.get(), path, unit_interface, name, 'b') != 0;
}

std::vector<std::string> Manager::Unit::list(const char* name) const
{
        std::vector<std::string> items;
        char** raw = nullptr;
        if (::sd_bus_get_property_strv(
                    manager->bus_.get(), destination, path.c_str(), unit_interface, name, nullptr, &raw) < 0)
                return items;
        const std::unique_ptr<char*, Deleter<::free>> list(raw);
        for (char** item = raw; item != nullptr && *item != nullptr; ++item) {
                const std::unique_ptr<char, Deleter<::free>> text(*item);
                items.emplace_back(*item);
        }
        return items;
}

std::string Manager::Unit::service_text(const char* name) const
{
        return service ? text_property(manager->bus_.get(), path, service_interface, name) : std::string();
}

int Manager::Unit::service_status(const char* name) const
{
        return service ? trivial_property<int>(manager->bus_.get(), path, service_interface, name, 'i') : 0;
}

bool Manager::Unit::has_job() const
{
        sd_bus_message* raw = nullptr;
        if (::sd_bus_get_property(manager->bus_.get(), destination, path.c_str(), unit_interface, "Job",
                    nullptr, &raw, "(uo)") < 0)
                return false;
        const MessagePtr reply(raw);
        std::uint32_t id = 0;
        const char* job = nullptr;
        return ::sd_bus_message_read(raw, "(uo)", &id, &job) >= 0 && id != 0;
}

std::vector<std::string> Manager::processes(const std::string& unit)
{
        std::vector<std::string> lines;
        sd_bus_message* raw = nullptr;
        if (::sd_bus_call_method(bus_.get(), destination, manager_path, manager_interface,
                    "GetUnitProcesses", nullptr, &raw, "s", unit.c_str()) < 0)
                return lines; // not running
        const MessagePtr reply(raw);
        check(::sd_bus_message_enter_container(raw, 'a', "(sus)"), "read the manager's answer");
        const char* cgroup = nullptr;
        const char* line = nullptr;
        std::uint32_t pid = 0;
        while (::sd_bus_message_read(raw, "(sus)", &cgroup, &pid, &line) > 0)
                lines.emplace_back(line);
        return lines;
}

bool Manager::run_job(const char* method, const std::string& unit_name, std::chrono::milliseconds deadline)
{
        sd_bus_error error{};
        sd_bus_message* raw = nullptr;
        const int result = ::sd_bus_call_method(bus_.get(), destination, manager_path, manager_interface,
                method, &error, &raw, "ss", unit_name.c_str(), "replace");
        ::sd_bus_error_free(&error);
        const MessagePtr reply(raw);
        check(result, fmt::format("{} '{}'", method, unit_name));
        const auto target = unit(unit_name);
        const auto end = std::chrono::steady_clock::now() + deadline;
        while (target.has_job()) {
                if (std::chrono::steady_clock::now() >= end)
                        return false;
                std::this_thread::sleep_for(poll_interval);
        }
        return true;
}

} // namespace eks
