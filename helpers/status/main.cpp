// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <deque>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/conffile.hpp"
#include "base/error.hpp"
#include "base/manager.hpp"
#include "status.hpp"

namespace {

using namespace eks;

constexpr const char* root_unit = "eks-node.target";

constexpr auto usage =
        "usage: eksnode status\n"
        "\n"
        "Show the chain that makes this machine a node: the state and time of every step, what is\n"
        "awaited, and what to do about a failure.\n"
        "\n"
        "Exit status: 0 the node is up; 75 it is on its way; 1 something failed or nothing was\n"
        "started; see eksnode-status(1).\n";

UnitState unit_state(Manager& manager, const std::string& name)
{
        const auto unit = manager.unit(name);
        UnitState state{.load = unit.text("LoadState"),
                .active = unit.text("ActiveState"),
                .sub = unit.text("SubState"),
                .result = unit.service_text("Result"),
                .status = unit.service_text("StatusText"),
                .exit_status = unit.service_status("ExecMainStatus"),
                .started = unit.number("InactiveExitTimestampMonotonic"),
                .finished = unit.number("ActiveEnterTimestampMonotonic")};
        // What was never checked counts as met.
        state.conditions =
                unit.number("ConditionTimestampMonotonic") == 0 || unit.boolean("ConditionResult");
        state.asserts = unit.number("AssertTimestampMonotonic") == 0 || unit.boolean("AssertResult");
        for (const char* kind : {"BindsTo", "Requires", "Wants"})
                for (auto& other : unit.list(kind))
                        if (in_chain(other))
                                state.pulls_in.push_back(std::move(other));
        return state;
}

UnitStates read_chain()
{
        Manager manager;
        UnitStates units;
        std::deque<std::string> queue{root_unit};
        while (!queue.empty()) {
                const auto name = queue.front();
                queue.pop_front();
                if (units.contains(name))
                        continue;
                auto state = unit_state(manager, name);
                queue.insert(queue.end(), state.pulls_in.begin(), state.pulls_in.end());
                units.emplace(name, std::move(state));
        }
        return units;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("status", usage, argc, argv, [&] {
                if (argc > 1)
                        throw Error(
                                failure::usage, fmt::format("unknown argument '{}'", argv[1]), "See --help");
                const auto units = read_chain();
                fmt::print("{}{}", render_status(units, root_unit), render_edits(edited_files(Root())));
                return chain_exit_status(units, root_unit);
        });
}
