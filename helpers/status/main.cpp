// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <deque>
#include <memory>
#include <sys/statvfs.h>

#include <fmt/format.h>
#include <systemd/sd-journal.h>

#include "base/arguments.hpp"
#include "base/conffile.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/manager.hpp"
#include "base/text.hpp"
#include "status.hpp"

namespace {

using namespace eks;

constexpr const char* root_unit = "eks-node.target";
constexpr std::size_t longest_line = 300;

constexpr auto usage =
        "usage: eksnode status\n"
        "\n"
        "Show the chain that makes this machine a node: the state and time of every step, what is\n"
        "awaited, and what to do about a failure.\n"
        "\n"
        "Exit status: 0 the node is up; 75 it is on its way; 1 something failed or nothing was\n"
        "started; see eksnode-status(1).\n";

// The last message of its processes in the journal; "" if there is none, or it may not be read.
std::string last_line(const std::string& unit)
{
        sd_journal* raw = nullptr;
        if (::sd_journal_open(&raw, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM) < 0)
                return {};
        const std::unique_ptr<sd_journal, Deleter<sd_journal_close>> journal(raw);
        const auto match = "_SYSTEMD_UNIT=" + unit;
        const void* data = nullptr;
        std::size_t length = 0;
        if (::sd_journal_add_match(raw, match.data(), match.size()) < 0 || ::sd_journal_seek_tail(raw) < 0 ||
                ::sd_journal_previous(raw) <= 0 || ::sd_journal_get_data(raw, "MESSAGE", &data, &length) < 0)
                return {};
        const std::string_view field(static_cast<const char*>(data), length);
        std::string text(field.substr(field.find('=') + 1).substr(0, longest_line));
        std::ranges::replace_if(
                text, [](unsigned char c) { return c < 0x20 || c == 0x7f; },
                ' '); // no control characters for the terminal
        return text;
}

UnitState unit_state(Manager& manager, const std::string& name)
{
        const auto unit = manager.unit(name);
        UnitState state{.load = unit.text("LoadState"),
                .active = unit.text("ActiveState"),
                .sub = unit.text("SubState"),
                .result = unit.service_text("Result"),
                .status = unit.service_text("StatusText"),
                .exit_status = unit.service_status("ExecMainStatus"),
                .killed = unit.service_status("ExecMainCode") > CLD_EXITED,
                .restarts = unit.service_count("NRestarts"),
                .last_line = {},
                .started = unit.number("InactiveExitTimestampMonotonic"),
                .finished = unit.number("ActiveEnterTimestampMonotonic")};
        if (state.sub == "auto-restart" || state.restarts > 0)
                state.last_line = last_line(name);
        // A condition that was never checked counts as met.
        state.conditions =
                unit.number("ConditionTimestampMonotonic") == 0 || unit.boolean("ConditionResult");
        state.asserts = unit.number("AssertTimestampMonotonic") == 0 || unit.boolean("AssertResult");
        for (const char* kind : {"BindsTo", "Requires", "Wants"})
                for (auto& other : unit.list(kind))
                        if (in_chain(other))
                                state.pulls_in.push_back(std::move(other));
        // udev wants an instance for each interface; kubelet starts after those.
        if (name == "kubelet.service")
                for (auto& other : unit.list("After"))
                        if (other.starts_with("eks-interface@"))
                                state.pulls_in.push_back(std::move(other));
        return state;
}

// When eks-retry.timer elapses next.
Seconds retry_in(Manager& manager)
{
        const auto timer = manager.unit("eks-retry.timer");
        const auto next = timer.timer_number("NextElapseUSecMonotonic");
        if (timer.text("SubState") != "waiting" || next == 0 || next == ~std::uint64_t{0})
                return std::nullopt;
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        const auto microseconds = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000;
        return next > microseconds ? (next - microseconds) / 1'000'000 : 0;
}

SpaceUse space_use(const std::string& directory)
{
        struct statvfs status {};
        if (::statvfs(directory.c_str(), &status) != 0)
                return {};
        const auto block = static_cast<double>(status.f_frsize);
        return {.used = static_cast<double>(status.f_blocks - status.f_bfree) * block,
                .size = static_cast<double>(status.f_blocks) * block};
}

std::string loss_of_array(const std::string& path)
{
        const auto value = [&](const char* file) {
                return std::string(trim(read_file_if_exists(
                        fmt::format("/sys/class/block/{}/md/{}", path.substr(path.rfind('/') + 1), file))
                                                .value_or("")));
        };
        // RAID0 does not count what it lacks.
        if (const auto state = value("array_state"); state.empty() || state == "broken")
                return "lost, with its data";
        const auto lost = value("degraded");
        return lost.empty() || lost == "0" ? "" : fmt::format("it lacks {} of its disks", lost);
}

UnitStates read_chain(Manager& manager)
{
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
                Manager manager;
                const auto units = read_chain(manager);
                const auto retry = retry_in(manager);
                const auto storage = read_file_if_exists("/run/eks/instance-store").value_or("");
                const Root root;
                fmt::print("{}{}{}{}{}", render_status(units, root_unit, retry),
                        render_stale(stale_daemons(root)),
                        render_storage(storage, {.use = space_use, .loss = loss_of_array}),
                        render_swap(swap_record(root), swap_areas(root)), render_edits(edited_files(root)));
                return chain_exit_status(units, root_unit, retry);
        });
}
