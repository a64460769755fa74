// SPDX-License-Identifier: Apache-2.0
#include "steps/take_over.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "systemd/daemons.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using Kind = Action::Kind;

constexpr auto daemon_timeout = 90s;  // of systemd's own for a start
constexpr auto kubelet_timeout = 60s; // it sends READY when it has a certificate, which may take any time
constexpr auto pending_path = "/run/eks/apply-pending";
constexpr auto alone = "ignore-dependencies"; // units that require a step must not stop with it

struct Done {
        std::string line;
        bool well = true;
};

std::uint64_t started_at(const Manager::Unit& unit)
{
        return unit.number("InactiveExitTimestampMonotonic");
}

Done failed(const std::string& unit, const char* how)
{
        return {fmt::format("{} {}", unit, how), false};
}

// Whether the unit has the right state after its job.
bool runs_well(const Manager::Unit& unit)
{
        const auto reload = unit.service_text("ReloadResult");
        return unit.text("ActiveState") == "active" && (reload.empty() || reload == "success");
}

using Waiting = std::function<void()>;

Done run_step_again(Manager& manager, const std::string& name, const Waiting& waiting)
{
        auto unit = manager.unit(name);
        if (unit.text("LoadState") == "masked")
                return {fmt::format("left out {}, which is masked", name)};

        const bool active = unit.text("ActiveState") == "active";
        if (!manager.run_service_job(active ? "ReloadUnit" : "StartUnit", name, {}, waiting))
                return failed(name, "did not end in time");

        unit = manager.unit(name);
        const bool skipped = !active && unit.text("ActiveState") == "inactive" &&
                             !unit.boolean("ConditionResult"); // of an admin's drop-in
        if (skipped)
                return {fmt::format("left out {}: a condition of it is not met", name)};

        return runs_well(unit) ? Done{fmt::format("ran {}", name)} : failed(name, "failed");
}

// Of a unit that the node does not need any more.
void forget_failure(Manager& manager, const std::string& name)
{
        if (manager.unit(name).text("ActiveState") == "failed")
                manager.reset_failed(name);
}

Done stop_alone(Manager& manager, const std::string& name)
{
        if (!manager.run_job("StopUnit", name, daemon_timeout, alone))
                return failed(name, "did not stop in time");
        forget_failure(manager, name);
        return {fmt::format("stopped {}, which is no longer needed", name)};
}

Done close_step(Manager& manager, const std::string& name, const Waiting& waiting)
{
        if (manager.unit(name).text("ActiveState") != "active") {
                forget_failure(manager, name);
                return {fmt::format("{} is no longer needed", name)};
        }

        if (auto done = run_step_again(manager, name, waiting); !done.well)
                return done;

        return stop_alone(manager, name);
}

// After a job of a daemon, also one of another client.
Done result_of(Manager& manager, const std::string& name, bool ended, const char* did = "restarted")
{
        const auto unit = manager.unit(name);
        if (!ended && name == kubelet_unit && unit.text("ActiveState") == "activating" &&
                unit.text("SubState") == "start")
                return {fmt::format(
                        "{} {}, which has not yet said that it is ready: see `eksnode status`", did, name)};
        if (!ended)
                return failed(name, "did not start in time");

        return unit.text("ActiveState") == "active" ? Done{fmt::format("{} {}", did, name)}
                                                    : failed(name, "does not start");
}

// In a script of the user data: kubelet starts after the script has ended, so the script must not wait for
// it.
bool waits_for_scripts(Manager& manager, const std::string& name)
{
        if (name != kubelet_unit && name != "eks-node.target")
                return false;
        const auto scripts = manager.unit("eks-user-scripts.service");
        return scripts.has_job() || scripts.text("ActiveState") == "activating";
}

Done starts_later(const std::string& name)
{
        return {fmt::format("{} starts when the scripts in the user data have ended", name)};
}

// With the steps that it requires and that start with it, such as those that mount disks below its files.
std::chrono::seconds time_to_restart(Manager& manager, const Manager::Unit& unit)
{
        std::chrono::seconds limit = daemon_timeout;
        for (const auto& required : unit.list("Requires"))
                if (required.starts_with("eks-") && manager.unit(required).text("ActiveState") != "active")
                        limit += manager.unit(required).start_timeout();
        return limit;
}

Done restart(Manager& manager, const std::string& name, const Waiting& waiting = {})
{
        if (waits_for_scripts(manager, name))
                return starts_later(name);

        const auto unit = manager.unit(name);
        if (unit.text("LoadState") == "masked" || unit.text("ActiveState") == "inactive")
                return {fmt::format("{} does not run, and was not started", name)};
        if (name == kubelet_unit)
                return result_of(manager, name, manager.run_job("RestartUnit", name, kubelet_timeout));

        const auto limit = time_to_restart(manager, unit);
        return result_of(manager, name, manager.run_service_job("RestartUnit", name, limit, waiting));
}

Done follow(Manager& manager, const std::string& name)
{
        if (waits_for_scripts(manager, name))
                return starts_later(name);

        auto unit = manager.unit(name);
        const bool ended = manager.wait_for_job(
                name, name == kubelet_unit ? kubelet_timeout : unit.start_timeout() + daemon_timeout);
        unit = manager.unit(name);
        if (!ended || started_at(unit) >= started_at(manager.unit(std::string(containerd_unit))))
                return result_of(manager, name, ended);

        return restart(manager, name);
}

Done act(Manager& manager, const Action& action, const Waiting& waiting = {})
{
        switch (action.kind) {
        case Kind::run:
                return run_step_again(manager, action.unit, waiting);
        case Kind::close:
                return close_step(manager, action.unit, waiting);
        case Kind::start:
                if (waits_for_scripts(manager, action.unit))
                        return starts_later(action.unit);
                return result_of(manager, action.unit,
                        manager.run_job("StartUnit", action.unit, daemon_timeout), "started");
        case Kind::restart:
                return restart(manager, action.unit, waiting);
        case Kind::follow:
                return follow(manager, action.unit);
        case Kind::stop:
                return stop_alone(manager, action.unit);
        }
        return {};
}

bool restarts_daemon(const Action& action)
{
        constexpr std::array<std::string_view, 3> daemons{containerd_unit, kubelet_unit, soci_unit};
        return (action.kind == Kind::restart || action.kind == Kind::follow) &&
               std::ranges::find(daemons, action.unit) != daemons.end();
}

void remember_pending(Manager& manager, const std::vector<Action>& actions)
{
        std::string text;
        for (const auto& action : actions)
                if (restarts_daemon(action))
                        text += fmt::format("{} {}\n", action.unit, started_at(manager.unit(action.unit)));

        if (text.empty())
                remove_if_exists(pending_path);
        else
                write_atomically(pending_path, text, 0644, Durability::unsynced);
}

std::string texts_of(std::span<const Action> actions)
{
        std::vector<std::string> texts;
        for (const auto& action : actions)
                texts.push_back(text_of(action));
        return texts.empty() ? "nothing" : join(texts, "; ");
}

} // namespace

void take_over(Manager& manager, const Changes& changes, const Say& say)
{
        const auto& actions = changes.actions;
        if (actions.empty())
                return;

        remember_pending(manager, actions);

        for (std::size_t i = 0; i < actions.size(); ++i) {
                Done done;
                try {
                        done = act(manager, actions[i]);
                } catch (const Error& e) {
                        done = {e.what(), false};
                }

                if (!done.well)
                        throw Error(failure::apply_failed, done.line,
                                fmt::format(
                                        "Done before that: {}. Not done: {}. Daemons that were not restarted run on their "
                                        "old configuration; see `systemctl status {}`, remove the cause, and "
                                        "run `eksnode apply` again",
                                        texts_of(std::span(actions).first(i)),
                                        texts_of(std::span(actions).subspan(i + 1)), actions[i].unit));

                say(done.line);
        }

        remove_if_exists(pending_path);
}

void take_over_before_kubelet(Manager& manager, const Changes& changes, const BeforeKubelet& how)
{
        for (const auto& action : changes.actions) {
                Done done;
                try {
                        done = act(manager, action, how.waiting);
                } catch (const Error& e) {
                        done = {fmt::format("{}: {}", action.unit, e.what()), false};
                }

                (done.well ? how.say : how.refuse)(done.line);
        }
}

std::vector<std::string> pending_restarts(const Root& root, Manager& manager)
{
        std::vector<std::string> units;
        const auto text = read_file_if_exists(root(pending_path)).value_or("");
        for (const auto line : lines(text)) {
                const auto words = split(line, ' ');
                if (words.size() != 2)
                        continue;

                const std::string name(words.front());
                const auto unit = manager.unit(name);
                if (unit.text("ActiveState") == "active" &&
                        parse_int<std::uint64_t>(words.back()) == started_at(unit))
                        units.push_back(name);
        }

        return units;
}

} // namespace eks
