// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <deque>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/messages.hpp"
#include "base/text.hpp"
#include "verbs/status/daemon_errors.hpp"
#include "verbs/status/status.hpp"

namespace eks {

namespace {

constexpr const char* start_again = "`systemctl start eks-node.target`";
constexpr std::string_view failed_prefix = "Failed: ";
constexpr int status_of_exec = 203; // of a program that systemd could not execute

std::string until(std::uint64_t seconds)
{
        return seconds < 120 ? fmt::format("{} s", seconds) : fmt::format("{} min", (seconds + 30) / 60);
}

bool is_daemon(const std::string& unit)
{
        return !unit.starts_with("eks-");
}

// The units, and what they cannot start without.
std::set<std::string> required(const UnitStates& units, std::deque<std::string> queue)
{
        std::set<std::string> all(queue.begin(), queue.end());
        while (!queue.empty()) {
                const auto unit = units.find(queue.front());
                queue.pop_front();

                if (unit == units.end())
                        continue;

                for (const auto& other : unit->second.requires_)
                        if (all.insert(other).second)
                                queue.push_back(other);
        }

        return all;
}

// How systemd ended it, in words; "" if it ended by itself.
std::string end_of(const UnitState& unit)
{
        if (unit.result == "timeout")
                return fmt::format("it exceeded {} and was stopped",
                        unit.time_limit.empty() ? "the time limit of its unit" : unit.time_limit);
        if (unit.result == "watchdog")
                return "it did not respond within WatchdogSec=";
        if (unit.result == "oom-kill")
                return "the kernel killed it because memory ran out";
        if (unit.result == "start-limit-hit")
                return "it was restarted too often in a short time, and systemd gave up";
        if (unit.result == "protocol")
                return "it ended before it reported that it is ready";

        if (unit.killed || unit.result == "signal" || unit.result == "core-dump") {
                const char* const name = ::sigabbrev_np(unit.exit_status);
                return name == nullptr ? "" : fmt::format("it was killed by SIG{}", name);
        }

        return {};
}

// What systemd could not set up before it executed a program, by the exit status that it then has
// (systemd.exec(5), "Process Exit Codes"); its record in the journal says more, but may be missing.
std::string of_systemd(int exit_status)
{
        constexpr std::array statuses{std::pair(200, "change to its WorkingDirectory="),
                std::pair(202, "open its file descriptors"), std::pair(203, "execute its program"),
                std::pair(205, "set its limits (Limit…=)"), std::pair(209, "connect its standard output"),
                std::pair(216, "set its Group="), std::pair(217, "set its User="),
                std::pair(218, "set its capabilities"), std::pair(219, "move it into its cgroup"),
                std::pair(226, "make its mount namespace (Private…=, Protect…=, BindPaths=, …)"),
                std::pair(228, "set its SystemCallFilter="), std::pair(233, "make its RuntimeDirectory="),
                std::pair(238, "make its StateDirectory="), std::pair(243, "set up its credentials")};
        const auto* const known =
                std::ranges::find(statuses, exit_status, [](const auto& one) { return one.first; });

        return known == statuses.end() ? "" : fmt::format("systemd could not {}", known->second);
}

// The cause, without what is said elsewhere.
std::string cause_of(const UnitState& unit)
{
        if (unit.obstacle)
                return unit.obstacle->cause;
        if (unit.status.starts_with(failed_prefix) && unit.active == "failed")
                return unit.status.substr(failed_prefix.size());

        const auto& last = !unit.cause.empty() ? unit.cause : unit.last_line;
        auto end = unit.failed_command.empty() ? end_of(unit) : unit.failed_command;
        if (!unit.failed_command.empty() && unit.result == "timeout")
                end += ": " + end_of(unit);
        if (end.empty() && last.empty() && unit.result == "exit-code")
                return of_systemd(unit.exit_status);
        if (end.empty() || last.empty())
                return end + last;

        return fmt::format("{}; its last message: {}", end, last);
}

// What the steps warn of may be the reason for what follows, such as a key that is misspelt.
std::string first_warning(const UnitStates& units)
{
        const auto found =
                std::ranges::find_if(units, [](const auto& unit) { return !unit.second.warnings.empty(); });
        return found == units.end() ? std::string() : found->second.warnings.front();
}

std::string line(std::string_view name, const std::string& text)
{
        return text.empty() ? std::string() : fmt::format("  {:<6} {}\n", fmt::format("{}:", name), text);
}

// "FILE, which sets User=, LimitNOFILE=3".
std::string with_settings(const std::string& file, const std::vector<std::string>& settings)
{
        return settings.empty() ? file : fmt::format("{}, which sets {}", file, join(settings, ", "));
}

bool has_crashed(const UnitState& unit)
{
        constexpr std::array signals{SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
        return unit.killed && unit.result != "watchdog" && std::ranges::count(signals, unit.exit_status) > 0;
}

// The admin's drop-ins with settings that explain such an end; they need not be the cause of others.
std::vector<std::string> explaining_files(const UnitState& unit, const std::string& cause)
{
        struct Kind {
                bool applies;
                std::vector<std::string_view> settings; // that begin so
        };
        const auto says = [&](std::string_view text) { return cause.find(text) != cause.npos; };
        const std::array kinds{
                Kind{unit.result == "timeout", {"Timeout", "RuntimeMax"}},
                Kind{has_crashed(unit), {"ExecStart"}}, // by which another program may run
                Kind{unit.result == "oom-kill", {"Memory", "LimitAS", "OOM"}},
                Kind{says("oo many open files"), {"LimitNOFILE"}},
                Kind{unit.killed && unit.exit_status == SIGSYS, {"SystemCall"}},
                Kind{says("ermission denied") || says("not permitted") || says("ead-only file system"),
                        {"User", "Group", "Dynamic", "Capability", "Protect", "ReadOnly", "Inaccessible",
                                "NoExec", "Private", "Device", "SystemCall", "Restrict", "NoNewPrivileges",
                                "RootDirectory"}},
        };

        std::vector<std::string> found;

        for (const auto& [file, settings] : unit.settings) {
                std::vector<std::string> fitting;
                for (const auto& setting : settings)
                        if (std::ranges::any_of(kinds, [&](const Kind& kind) {
                                    return kind.applies &&
                                           std::ranges::any_of(kind.settings, [&](std::string_view begin) {
                                                   return setting.starts_with(begin);
                                           });
                            }))
                                fitting.push_back(setting);

                if (!fitting.empty())
                        found.push_back(with_settings(file, fitting));
        }

        return found;
}

// The keys of a text with the place of each: "cluster.cidr (user data, line 9)" for "cluster.cidr". Places
// of other keys are left out.
std::string with_places(std::string text, const std::vector<std::string>& places)
{
        for (const auto& place : places) {
                const auto key = place.substr(0, place.find(" ("));
                if (const auto at = text.find(key); at != std::string::npos)
                        text.replace(at, key.size(), place);
        }
        return text;
}

// Where what is wrong can be changed, and whether it is a file of the unit.
struct ChangePlace {
        std::string text;
        bool of_unit = false;
};

ChangePlace place_of_change(
        const std::string& name, const UnitState& unit, const std::string& cause, const Situation& situation)
{
        std::vector<std::string> parts;
        bool of_unit = false;

        if (unit.obstacle && !unit.obstacle->place.empty()) {
                parts.push_back(unit.obstacle->place);
                of_unit = true;
        }

        if (const auto known = is_daemon(name) ? change_for(cause, situation.clock_synchronised) : "";
                !known.empty())
                parts.push_back(known);

        if (has_crashed(unit))
                parts.push_back(fmt::format("the program {}, which crashed: install another version of it{}",
                        unit.program,
                        situation.core_dumps
                                ? fmt::format("; `coredumpctl info {}` shows where it crashed", unit.program)
                                : ""));

        std::vector<std::string> files;

        for (const auto& file : unit.drop_ins) {
                const auto known = unit.settings.find(file);
                files.push_back(known == unit.settings.end() ? file : with_settings(file, known->second));
        }

        if (files.empty())
                files = explaining_files(unit, cause);

        if (!files.empty()) {
                parts.push_back("the drop-in " + join(files, ", "));
                of_unit = true;
        } else if (const auto program = change_for_program(unit.program, unit.cause);
                   unit.exit_status == status_of_exec && !program.empty()) {
                parts.push_back(program);
        }

        parts.insert(parts.end(), unit.places.begin(), unit.places.end());
        if (parts.empty() && is_daemon(name) && !unit.settings.empty()) {
                std::vector<std::string> all;
                for (const auto& [file, settings] : unit.settings)
                        all.push_back(with_settings(file, settings));
                parts.push_back("perhaps the drop-in " + join(all, ", "));
                of_unit = true;
        }

        auto text = join(parts, "; ");
        const auto& key = situation.explain_key;

        const bool of_user_data = (text + cause).find("user data") != std::string::npos;
        if (of_user_data)
                text += fmt::format(
                        "{}user data is /run/eks/user-data here, where a correction lasts for this boot{}",
                        text.empty() ? "" : "; ",
                        (text + cause).find("MIME part") == std::string::npos
                                ? ""
                                : " (lines are counted from the first one of the MIME part)");

        if (!key.empty())
                text += fmt::format(
                        "{}`eksnode explain {}` shows who sets it", text.empty() ? "" : "; ", key);

        return {std::move(text), of_unit};
}

std::string next_of(const std::string& name, const UnitState& unit, const Situation& situation, bool of_unit)
{
        constexpr std::string_view reload = "`systemctl daemon-reload`";
        if (unit.load == "masked")
                return fmt::format(
                        "will not try again; run `systemctl unmask {}` and {}", name, start_again);
        if (unit.load == "not-found")
                return fmt::format("will not try again; install it and run {}", start_again);
        if (unit.obstacle)
                return fmt::format("will not try again; {}correct the file, run {} and {}",
                        unit.obstacle->remedy.empty()
                                ? ""
                                : fmt::format("{} and run {}; or ", unit.obstacle->remedy, start_again),
                        reload, start_again);
        if (unit.active != "failed")
                return fmt::format("systemd starts it again by itself, {} s after it ends{}",
                        unit.restart_delay / 1'000'000,
                        of_unit ? fmt::format("; after a change of the drop-in, run {}", reload) : "");
        if (situation.retry_in)
                return fmt::format("next attempt in {} (eks-retry.timer)", until(*situation.retry_in));

        return fmt::format("will not try again; when the cause is removed, run {}{}",
                of_unit ? fmt::format("{} and ", reload) : "", start_again);
}

std::string details(const std::string& name, const UnitState& unit, const Situation& situation)
{
        const auto cause = cause_of(unit);
        auto text = line("Cause", cause);
        const auto [change, of_unit] = place_of_change(name, unit, cause, situation);
        text += line("Change", change);
        text += line("Next", next_of(name, unit, situation, of_unit));

        if (unit.load == "loaded")
                text += line("See",
                        fmt::format("journalctl -b -x -u {}",
                                unit.obstacle && !unit.obstacle->unit.empty() ? unit.obstacle->unit : name));

        return text;
}

std::string named(const UnitStates& units, const std::vector<std::string>& names)
{
        std::vector<std::string> texts;
        for (const auto& name : names)
                texts.push_back(fmt::format("{} ({})", name, reason_of(units.at(name))));
        return join(texts, ", ");
}

// An active node, and what is wrong with it.
std::string render_up(const UnitStates& units, const std::string& root, const Situation& situation)
{
        const auto kubelet = units.find(std::string(kubelet_unit));
        if (kubelet != units.end() && !kubelet->second.not_registered.empty()) {
                const auto& error = kubelet->second.not_registered;
                const auto& places = kubelet->second.places;
                const auto& known = situation.join_change;
                auto change = with_places(
                        known.empty() ? change_for(error, situation.clock_synchronised) : known, places);
                if (change.empty())
                        change = join(places, "; ");
                return fmt::format("! kubelet runs, but could not register the node\n{}{}{}{}",
                        line("Cause", error), line("Change", change),
                        line("Next", "kubelet tries again by itself, every few seconds"),
                        line("See", "journalctl -b -u kubelet.service"));
        }

        if (kubelet != units.end() && kubelet->second.ready == false) {
                const auto& why = kubelet->second.why_not_ready;
                return fmt::format("! kubelet has registered the node, which is not Ready\n{}{}{}{}",
                        line("Cause", why), line("Change", change_for(why, situation.clock_synchronised)),
                        line("Next", "kubelet reports it by itself when that has changed"),
                        line("See", "journalctl -b -u kubelet.service, eksnode diagnose"));
        }

        std::vector<std::string> failed;
        for (const auto& [name, unit] : units)
                if (name != root && has_failed(unit))
                        failed.push_back(name);

        if (!failed.empty())
                return fmt::format("! The node is up, but without {}\n", named(units, failed)) +
                       details(failed.front(), units.at(failed.front()), situation);

        const auto warnings =
                std::ranges::count_if(units, [](const auto& unit) { return !unit.second.warnings.empty(); });
        const auto* const joined = kubelet == units.end() ? "kubelet is running"
                                   : kubelet->second.ready == true
                                           ? "kubelet has registered it, and it is Ready"
                                   : kubelet->second.registered ? "kubelet has registered it"
                                                                : "kubelet is running";
        if (warnings == 0)
                return fmt::format("● The node is up: {}\n", joined);

        return fmt::format("● The node is up: {}; {} warned, see '!' below\n{}", joined,
                warnings == 1 ? "a step" : fmt::format("{} steps", warnings),
                line("Warned", first_warning(units)));
}

std::string render_waiting(
        const UnitStates& units, const std::vector<std::string>& working, std::uint64_t now)
{
        const auto& name = working.front();
        const auto& unit = units.at(name);
        const auto since = unit.started == 0 || now <= unit.started ? 0 : (now - unit.started) / 1'000'000;
        auto text = fmt::format("◌ Waiting for {}, for {} so far\n", join(working, ", "), until(since));
        text += line("Status", unit.status);
        text += line("Warned", first_warning(units));
        text += line("Before", unit.earlier_failure);
        text += line("Says", unit.last_line);

        return text + line("See", fmt::format("journalctl -b -u {}", name));
}

} // namespace

std::vector<std::string> ordering_cycle(const UnitStates& units, const std::string& name)
{
        std::map<std::string, std::string> before; // the unit by which each was reached
        std::deque<std::string> queue{name};
        while (!queue.empty()) {
                const auto at = queue.front();
                queue.pop_front();

                const auto unit = units.find(at);
                if (unit == units.end())
                        continue;

                for (const auto& next : unit->second.after) {
                        if (next == name) {
                                std::vector<std::string> cycle{at};
                                while (cycle.back() != name)
                                        cycle.push_back(before.at(cycle.back()));
                                std::ranges::reverse(cycle);
                                return cycle;
                        }
                        if (before.emplace(next, at).second)
                                queue.push_back(next);
                }
        }

        return {};
}

std::vector<std::string> find_blockers(const UnitStates& units, const std::string& root)
{
        const auto needed = required(units, {root, std::string(kubelet_unit), std::string(containerd_unit)});
        std::set<std::string> lacking;
        for (const auto& [name, unit] : units)
                lacking.insert(unit.lacks.begin(), unit.lacks.end());
        std::vector<std::string> blockers;
        std::vector<std::string> absent;
        bool working = false;

        for (const auto& name : needed) {
                const auto found = units.find(name);
                if (found == units.end() || name == root)
                        continue;

                const auto& unit = found->second;
                const bool ends_again = unit.active == "activating" && unit.restarts > 0;
                working = working || unit.active == "activating";

                if (unit.load == "masked" || unit.load == "not-found")
                        (is_daemon(name) || lacking.contains(name) ? blockers : absent).push_back(name);
                else if (unit.obstacle || has_failed(unit) || ends_again)
                        blockers.push_back(name);
        }

        // systemd starts nothing that requires an absent unit, but at boot what wants it comes up without.
        if (blockers.empty() && !working && units.at(root).active != "active")
                blockers = std::move(absent);

        // A unit fails for want of another before it fails by itself, kubelet for want of containerd, too.
        const auto order = [&](const std::string& name) {
                const auto reached = required(units, {name});
                const auto others = std::ranges::count_if(
                        blockers, [&](const std::string& other) { return reached.contains(other); });
                return std::tuple(name == kubelet_unit, others, units.at(name).started, name);
        };

        std::vector<std::pair<decltype(order(root)), std::string>> ordered;
        for (const auto& name : blockers)
                ordered.emplace_back(order(name), name);
        std::ranges::sort(ordered);
        std::ranges::transform(ordered, blockers.begin(), [](const auto& one) { return one.second; });

        return blockers;
}

std::string render_verdict(const UnitStates& units, const std::string& root, const Situation& situation)
{
        const auto kubelet = units.find(std::string(kubelet_unit));
        if (units.at(root).active == "active")
                return render_up(units, root, situation) + "\n";

        const bool ran =
                std::ranges::any_of(units, [](const auto& unit) { return unit.second.started != 0; });

        // eks-node-generator links kubelet.service on nodes only.
        const bool has_kubelet = kubelet != units.end() && kubelet->second.load != "not-found";
        if (!situation.chosen && (!ran || !has_kubelet))
                return fmt::format("○ This machine is not a node: {}\n\n", situation.why_not);
        if (const auto blockers = find_blockers(units, root); !blockers.empty())
                return fmt::format("× Blocked by {}\n{}{}\n", named(units, blockers),
                        details(blockers.front(), units.at(blockers.front()), situation),
                        line("Warned", is_daemon(blockers.front()) ? "" : first_warning(units)));

        std::vector<std::string> working;
        for (const auto& [name, unit] : units)
                if (unit.active == "activating")
                        working.push_back(name);
        std::ranges::sort(working, {}, [&](const std::string& name) { return units.at(name).started; });

        if (!working.empty())
                return render_waiting(units, working, situation.now) + "\n";

        for (const auto& [name, unit] : units)
                if (!unit.waits_for.empty())
                        return fmt::format("◌ Waiting for {}, which {} is ordered after\n{}\n",
                                unit.waits_for, name,
                                line("See", fmt::format("systemctl list-jobs; systemctl status {}",
                                                    unit.waits_for)));
        const bool stopped = has_kubelet && kubelet->second.started != 0;

        return fmt::format("○ {}\n{}\n",
                stopped ? "The node is down: kubelet was stopped"
                        : "The node was not started, and nothing is being started",
                line("Next", fmt::format("nothing starts it by itself; run {}", start_again)));
}

} // namespace eks
