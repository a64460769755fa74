// SPDX-License-Identifier: Apache-2.0
#include "verbs/status/chain.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <deque>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "verbs/status/obstacles.hpp"

namespace eks {

namespace {

constexpr std::string_view gates = "/run/eks/enabled/";
constexpr std::string_view done = "/run/eks/done/";

// Whether eks-config wants the step of a directory in /run/eks/done/. Steps without a gate are always
// wanted, and their assertions are no alternatives.
bool is_wanted(const Manager::Check& check)
{
        constexpr std::string_view prefix = "eks-";
        const auto step = std::string_view(check.parameter).substr(done.size());
        return !check.trigger ||
               (step.starts_with(prefix) && exists(fmt::format("{}{}", gates, step.substr(prefix.size()))));
}

// The limit that stopped a unit: of its start, of its whole run, or of its stop.
std::string time_limit(const Manager::Properties& unit, const UnitState& state)
{
        constexpr auto second = 1'000'000U;
        const bool was_active = state.finished >= state.started;
        const auto most = static_cast<std::uint64_t>(unit.number("RuntimeMaxUSec"));
        const bool has_most = most != 0 && most != ~std::uint64_t{0};
        const auto* const name = !was_active ? "TimeoutStart" : has_most ? "RuntimeMax" : "TimeoutStop";
        return fmt::format("{}Sec={}s", name,
                static_cast<std::uint64_t>(unit.number(fmt::format("{}USec", name).c_str())) / second);
}

UnitState unit_state(Obstacles& obstacles, const Manager::Properties& unit, const std::string& name)
{
        const auto unsigned_number = [&](const char* key) {
                return static_cast<std::uint64_t>(unit.number(key));
        };

        UnitState state{.load = unit.text("LoadState"),
                .active = unit.text("ActiveState"),
                .sub = unit.text("SubState"),
                .result = unit.text("Result"),
                .status = unit.text("StatusText"),
                .exit_status = static_cast<int>(unit.number("ExecMainStatus")),
                .killed = unit.number("ExecMainCode") > CLD_EXITED,
                .restarts = static_cast<unsigned>(unit.number("NRestarts")),
                .restart_delay = unsigned_number("RestartUSec"),
                .last_line = {},
                .started = unsigned_number("InactiveExitTimestampMonotonic"),
                .finished = unsigned_number("ActiveEnterTimestampMonotonic"),
                .pulls_in = {},
                .requires_ = {},
                .lacks = {}};

        // A condition that was never checked counts as met.
        state.conditions =
                unit.number("ConditionTimestampMonotonic") == 0 || unit.number("ConditionResult") != 0;
        state.asserts = unit.number("AssertTimestampMonotonic") == 0 || unit.number("AssertResult") != 0;

        if (const auto commands = unit.command("ExecStart"); !commands.empty())
                state.program = commands.front().program;
        if (state.result == "timeout")
                state.time_limit = time_limit(unit, state);
        state.gate_closed = std::ranges::any_of(unit.check("Conditions"), [](const Manager::Check& check) {
                return check.parameter.starts_with(gates) && !check.negated && !exists(check.parameter);
        });

        if (!state.asserts)
                for (const auto& check : unit.check("Asserts"))
                        if (check.parameter.starts_with(done) && !check.negated &&
                                !exists(check.parameter) && is_wanted(check))
                                state.lacks.push_back(check.parameter.substr(done.size()) + ".service");

        for (const char* kind : {"BindsTo", "Requires", "Wants"})
                for (auto& other : unit.list(kind))
                        if (in_chain(other)) {
                                if (std::string_view(kind) != "Wants")
                                        state.requires_.push_back(other);
                                state.pulls_in.push_back(std::move(other));
                        }

        for (auto& other : unit.list("After"))
                if (in_chain(other))
                        state.after.push_back(std::move(other));

        // udev wants an instance for each interface; kubelet starts after those.
        if (name == kubelet_unit)
                for (const auto& other : state.after)
                        if (other.starts_with("eks-interface@"))
                                state.pulls_in.push_back(other);

        // What a program says itself is not about its drop-ins.
        const bool by_systemd = !state.killed && state.exit_status >= first_status_of_systemd;
        const bool silent = name.starts_with("eks-") && state.active == "failed" && state.status.empty();
        obstacles.add(name, unit, state);

        if (by_systemd || silent)
                state.drop_ins = state.admins_files;

        return state;
}

} // namespace

std::uint64_t now(clockid_t clock)
{
        timespec time{};
        ::clock_gettime(clock, &time);
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
               static_cast<std::uint64_t>(time.tv_nsec) / 1000;
}

UnitStates read_chain(Manager& manager, const std::string& root)
{
        UnitStates units;
        Obstacles obstacles(manager);

        std::deque<std::string> queue{root};
        while (!queue.empty()) {
                const auto name = queue.front();
                queue.pop_front();

                if (units.contains(name))
                        continue;

                auto state = unit_state(obstacles, manager.properties(name), name);
                queue.insert(queue.end(), state.pulls_in.begin(), state.pulls_in.end());
                units.emplace(name, std::move(state));
        }

        obstacles.add_cycles(units);

        return units;
}

Seconds retry_in(Manager& manager)
{
        const auto timer = manager.unit("eks-retry.timer");
        const auto next = timer.timer_number("NextElapseUSecMonotonic");
        if (timer.text("SubState") != "waiting" || next == 0 || next == ~std::uint64_t{0})
                return std::nullopt;
        const auto microseconds = now(CLOCK_MONOTONIC);
        return next > microseconds ? (next - microseconds) / 1'000'000 : 0;
}

} // namespace eks
