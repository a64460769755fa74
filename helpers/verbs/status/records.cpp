// SPDX-License-Identifier: Apache-2.0
#include "verbs/status/records.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/text.hpp"
#include "node/join_state.hpp"
#include "verbs/status/chain.hpp"
#include "verbs/status/daemon_errors.hpp"
#include "verbs/status/journal.hpp"

namespace eks {

namespace {

constexpr std::size_t records_of_daemon = 200;    // kubelet writes some ten for each attempt to register
constexpr std::uint64_t new_enough = 120'000'000; // µs, of an error that a running kubelet reports

// The records of a daemon's present process, or without that, of those before.
std::vector<JournalRecord> of_invocation(std::vector<JournalRecord> records, bool present)
{
        if (records.empty())
                return records;
        const auto invocation = records.front().invocation;
        std::erase_if(records,
                [&](const JournalRecord& one) { return (one.invocation == invocation) != present; });
        return records;
}

// Of a kubelet that is not verbose it is not said that the node is not Ready, for it does not log that it is
// so again.
void tell_of_node(const std::vector<JournalRecord>& newest_first, UnitState& kubelet)
{
        JoinState state;
        std::ranges::for_each(newest_first.rbegin(), newest_first.rend(),
                [&](const JournalRecord& record) { state.read(record.text); });

        kubelet.registered = state.is_registered();
        if (state.kind() == JoinState::Kind::unregistered) {
                kubelet.not_registered = state.cause();
        } else if (state.kind() == JoinState::Kind::ready) {
                kubelet.ready = true;
        } else if (state.is_registered() && state.is_verbose() && !state.cause().empty()) {
                kubelet.ready = false;
                kubelet.why_not_ready = state.cause();
        }
}

void read_daemon(Journal& journal, const std::string& name, UnitState& unit)
{
        const bool runs = unit.active == "active";
        if (runs && unit.restarts == 0 && name != kubelet_unit)
                return;

        const auto records = journal.of_processes(name, records_of_daemon);
        if (!runs) {
                unit.last_line = last_error(of_invocation(records, true));
                return;
        }

        if (unit.restarts > 0) // of the one before; what is no error only puzzles, once the daemon works
                if (const auto before = of_invocation(records, false); std::ranges::any_of(
                            before, [](const JournalRecord& one) { return is_error(one.text); }))
                        unit.last_line = last_error(before);
        if (name != kubelet_unit)
                return;

        auto present = of_invocation(records, true);
        tell_of_node(present, unit);
        std::erase_if(present, [](const JournalRecord& one) {
                return !is_error(one.text) || one.time + new_enough < now(CLOCK_REALTIME);
        });

        if (!present.empty())
                unit.last_error = fmt::format("{} ({} s ago)", error_text(present.front().text),
                        (now(CLOCK_REALTIME) - std::min(present.front().time, now(CLOCK_REALTIME))) /
                                1'000'000);
}

// Warnings of the last run, and the failure before the one that works now.
void read_step(const std::vector<JournalRecord>& records, UnitState& unit)
{
        const auto last =
                std::ranges::find_if(records, [](const JournalRecord& one) { return !one.result.empty(); });
        if (last == records.end())
                return;

        if (unit.active == "activating")
                unit.earlier_failure = last->failure;
        if (unit.active == "failed" && unit.status.empty())
                unit.cause = last->failure;

        if (unit.active == "active" && last->result != "failed")
                for (const auto& one : records)
                        if (one.process == last->process && one.priority == 4)
                                unit.warnings.push_back(one.text);
}

// What the manager logged about units that it refuses to load, and about an ordering cycle.
void add_refusals(Journal& journal, UnitStates& units)
{
        std::vector<std::string> names;
        std::vector<std::string> files;

        for (auto& [name, unit] : units) {
                names.push_back(name);
                files.insert(files.end(), unit.admins_files.begin(), unit.admins_files.end());

                if (!unit.obstacle || unit.load == "loaded")
                        continue;

                if (auto text = journal.of_manager({name}, {"Refusing", "refusing", ".conf:"});
                        !text.empty())
                        unit.obstacle->cause = std::move(text);
        }

        if (std::ranges::none_of(units, [](const auto& unit) { return unit.second.never_tried; }))
                return;

        const auto text =
                journal.of_manager(names, {"deleted to break ordering cycle", "Unable to break cycle"});

        for (auto& [name, unit] : units) {
                const bool left_out =
                        text.find(fmt::format("Job {}/start deleted", name)) != std::string::npos ||
                        text.find(fmt::format("cycle starting with {}/start", name)) != std::string::npos;
                if (left_out && unit.never_tried && !unit.obstacle)
                        unit.obstacle = {"in an ordering cycle", text, join(files, ", ")};
        }
}

} // namespace

void add_records(UnitStates& units)
{
        Journal journal;
        add_refusals(journal, units);

        std::vector<std::string> steps;
        for (const auto& [name, unit] : units)
                if (name.starts_with("eks-") && unit.started != 0)
                        steps.push_back(name);
        const auto records = journal.of_steps(steps);

        for (auto& [name, unit] : units) {
                if (!name.starts_with("eks-"))
                        read_daemon(journal, name, unit);
                else if (const auto found = records.find(name); found != records.end())
                        read_step(found->second, unit);
                if (has_ended(unit) && !unit.killed && unit.exit_status >= first_status_of_systemd)
                        unit.cause = unit.last_line = journal.of_manager(name);
                else if (unit.active == "failed" && unit.status.empty() && unit.cause.empty())
                        unit.cause = last_error(journal.of_processes(name, 20));
        }
}

std::string what_ended(const std::string& unit)
{
        constexpr int attempts = 10;
        constexpr std::chrono::milliseconds delay{50};
        const auto invocation = environment("INVOCATION_ID");
        const bool says_why = environment("SERVICE_RESULT") == "exit-code"; // what is killed does not

        std::vector<JournalRecord> records;

        for (int i = 0; i < attempts; ++i) {
                if (i > 0)
                        std::this_thread::sleep_for(delay);
                records = Journal().of_processes(unit, records_of_daemon);
                std::erase_if(
                        records, [&](const JournalRecord& one) { return one.invocation != invocation; });

                if (!says_why || std::ranges::any_of(records,
                                         [](const JournalRecord& one) { return is_error(one.text); }))
                        break;
        }

        return last_error(records);
}

} // namespace eks
