// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstring>
#include <deque>
#include <unistd.h>

#include <fmt/format.h>
#include <systemd/sd-bus.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "status.hpp"

namespace {

using namespace eks;

using BusPtr = std::unique_ptr<sd_bus, Deleter<sd_bus_flush_close_unref>>;
using MessagePtr = std::unique_ptr<sd_bus_message, Deleter<sd_bus_message_unref>>;

constexpr const char* root_unit = "eks-node.target";
constexpr const char* manager = "org.freedesktop.systemd1";

constexpr auto usage = "usage: eksnode status\n"
                       "\n"
                       "Show the chain that makes this machine a node: the state and time of every step, what is\n"
                       "awaited, and what to do about a failure.\n"
                       "\n"
                       "Exit status: 0 the node is up; 75 it is on its way; 1 something failed or nothing was\n"
                       "started; see eksnode-status(1).\n";

void check(int result, std::string_view doing)
{
        if (result < 0)
                throw Error(failure::manager_unreachable,
                        fmt::format("cannot {}: {}", doing, ::strerror(-result)), "Run this on a node, as root if need be");
}

// root talks to the manager directly: that works without a D-Bus daemon, and early.
BusPtr connect()
{
        sd_bus* bus = nullptr;
        if (::geteuid() == 0) {
                check(::sd_bus_new(&bus), "make a bus connection");
                BusPtr direct(bus);
                ::sd_bus_set_address(bus, "unix:path=/run/systemd/private");
                if (::sd_bus_start(bus) >= 0)
                        return direct;
                bus = nullptr;
        }
        check(::sd_bus_open_system(&bus), "reach the service manager");
        return BusPtr(bus);
}

std::string unit_path(sd_bus* bus, const std::string& name)
{
        sd_bus_error error{};
        sd_bus_message* raw = nullptr;
        const int result = ::sd_bus_call_method(bus, manager, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                "LoadUnit", &error, &raw, "s", name.c_str());
        ::sd_bus_error_free(&error);
        const MessagePtr reply(raw);
        check(result, fmt::format("load '{}'", name));
        const char* path = nullptr;
        check(::sd_bus_message_read(raw, "o", &path), "read the manager's answer");
        return path;
}

std::string text_property(sd_bus* bus, const std::string& path, const char* interface, const char* name)
{
        char* raw = nullptr;
        if (::sd_bus_get_property_string(bus, manager, path.c_str(), interface, name, nullptr, &raw) < 0)
                return {}; // targets have no Result=, for instance
        const std::unique_ptr<char, Deleter<::free>> text(raw);
        return raw;
}

template <typename T>
T number_property(sd_bus* bus, const std::string& path, const char* interface, const char* name, char type)
{
        T value{};
        ::sd_bus_get_property_trivial(bus, manager, path.c_str(), interface, name, nullptr, type, &value);
        return value;
}

UnitState unit_state(sd_bus* bus, const std::string& name)
{
        constexpr const char* unit = "org.freedesktop.systemd1.Unit";
        constexpr const char* service = "org.freedesktop.systemd1.Service";
        const auto path = unit_path(bus, name);
        UnitState state{.load = text_property(bus, path, unit, "LoadState"),
                .active = text_property(bus, path, unit, "ActiveState"),
                .sub = text_property(bus, path, unit, "SubState")};
        if (name.ends_with(".service")) {
                state.result = text_property(bus, path, service, "Result");
                state.status = text_property(bus, path, service, "StatusText");
                state.exit_status = number_property<int>(bus, path, service, "ExecMainStatus", 'i');
        }
        // What was never checked counts as met.
        const auto met = [&](const char* when, const char* what) {
                return number_property<std::uint64_t>(bus, path, unit, when, 't') == 0 ||
                       number_property<int>(bus, path, unit, what, 'b') != 0;
        };
        state.conditions = met("ConditionTimestampMonotonic", "ConditionResult");
        state.asserts = met("AssertTimestampMonotonic", "AssertResult");
        state.started = number_property<std::uint64_t>(bus, path, unit, "InactiveExitTimestampMonotonic", 't');
        state.finished = number_property<std::uint64_t>(bus, path, unit, "ActiveEnterTimestampMonotonic", 't');
        for (const char* kind : {"Requires", "Wants"}) {
                char** raw = nullptr;
                if (::sd_bus_get_property_strv(bus, manager, path.c_str(), unit, kind, nullptr, &raw) < 0)
                        continue;
                const std::unique_ptr<char*, Deleter<::free>> list(raw);
                for (char** item = raw; item != nullptr && *item != nullptr; ++item) {
                        const std::unique_ptr<char, Deleter<::free>> text(*item);
                        if (in_chain(*item))
                                state.pulls_in.emplace_back(*item);
                }
        }
        return state;
}

UnitStates read_chain()
{
        const auto bus = connect();
        UnitStates units;
        std::deque<std::string> queue{root_unit};
        while (!queue.empty()) {
                const auto name = queue.front();
                queue.pop_front();
                if (units.contains(name))
                        continue;
                auto state = unit_state(bus.get(), name);
                queue.insert(queue.end(), state.pulls_in.begin(), state.pulls_in.end());
                units.emplace(name, std::move(state));
        }
        return units;
}

} // namespace

int main(int argc, char** argv)
{
        if (argc > 1) {
                const bool help = std::string_view(argv[1]) == "--help";
                fmt::print(help ? stdout : stderr, "{}", usage);
                return help ? 0 : 2;
        }
        try {
                const auto units = read_chain();
                fmt::print("{}", render_status(units, root_unit));
                return chain_exit_status(units, root_unit);
        } catch (const Error& e) {
                fmt::print(stderr, "eksnode status: {}\n", e.full_text());
                return e.exit_status();
        }
}
