// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <ctime>
#include <sys/statvfs.h>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/clock.hpp"
#include "base/conffile.hpp"
#include "base/drop_ins.hpp"
#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "containerd/files.hpp"
#include "systemd/manager.hpp"
#include "systemd/node_decision.hpp"
#include "verbs/status/chain.hpp"
#include "verbs/status/daemon_errors.hpp"
#include "verbs/status/journal.hpp"
#include "verbs/status/last_boot.hpp"
#include "verbs/status/obstacles.hpp"
#include "verbs/status/records.hpp"
#include "verbs/status/status.hpp"

namespace {

using namespace eks;

constexpr const char* root_unit = "eks-node.target";
constexpr const char* node_file = "/run/eks/node.json";

constexpr auto usage =
        "usage: eksnode status [--root DIR]\n"
        "       eksnode status --ended UNIT\n"
        "\n"
        "Show whether this machine is a node that is up, what blocks it or what it waits for, and the state\n"
        "and time of every step.\n"
        "\n"
        "  --root DIR    tell of the last boot of a machine that does not run, from the journal below DIR\n"
        "  --ended UNIT  run by a daemon's unit when it has ended: write the error that ended it to the\n"
        "                journal and the console, once\n"
        "\n"
        "Exit status: 0 the node is up; 75 it is on its way; 1 something failed or nothing was\n"
        "started; see eksnode-status(1).\n";

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

// The setting's own name, "kubelet" of "kubelet.service".
std::string daemon_of(const std::string& unit)
{
        return unit.substr(0, unit.find('.'));
}

// The settings of a daemon that `message` is about.
std::vector<std::string> settings_for(const Json& node, const std::string& unit, const std::string& message)
{
        std::vector<Sourced> texts;
        if (unit == containerd_unit)
                for (const auto& path : drop_ins(Root(), containerd_drop_in_directories(), {".toml"}))
                        texts.push_back({read_file_if_exists(path).value_or(""), path});
        return places_of(node, daemon_of(unit), message, texts);
}

// The keys that a failure is about. The configuration is read only if there is one.
void add_places(UnitStates& units, Situation& situation)
{
        const auto blockers = find_blockers(units, root_unit);
        const auto kubelet = units.find(std::string(kubelet_unit));

        const bool unregistered = kubelet != units.end() && !kubelet->second.not_registered.empty();
        if (blockers.empty() && !unregistered)
                return;

        const auto node = try_parse_json(read_file_if_exists(node_file).value_or(""));
        for (const auto& name : blockers) {
                auto& unit = units.at(name);
                if (name.starts_with("eks-"))
                        continue;
                unit.places = settings_for(node, name, unit.last_line);
                if (unit.places.empty())
                        add_file_of_flag(unit);
        }

        if (!blockers.empty())
                if (const auto& unit = units.at(blockers.front()); blockers.front().starts_with("eks-"))
                        situation.explain_key = key_in(node, unit.status);

        if (unregistered) {
                situation.join_change = change_found_by_join(kubelet->second.not_registered);
                kubelet->second.places = {key_place(node, "cluster.apiServerEndpoint"),
                        key_place(node, "cluster.certificateAuthority")};
        }
}

bool keeps_core_dumps()
{
        return read_file_if_exists("/proc/sys/kernel/core_pattern").value_or("").find("systemd-coredump") !=
               std::string::npos;
}

void report_end(const std::string& unit)
{
        if (const auto result = environment("SERVICE_RESULT"); result.empty() || result == "success")
                return;

        const auto error = what_ended(unit);
        if (error.empty())
                return;

        const auto places =
                settings_for(try_parse_json(read_file_if_exists(node_file).value_or("")), unit, error);

        const auto text = fmt::format(
                "{} ended: {}{}{}", unit, error, places.empty() ? "" : "; it is about ", join(places, ", "));
        if (!Journal().has(std::string(event::daemon_ended.id), text))
                Log("eksnode", Level::info)
                        .write(Level::err, text, event::daemon_ended.id, {{"EKS_DAEMON", unit}});
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("status", usage, argc, argv, [&] {
                const auto arguments = Arguments::parse(argc, argv, {"ended=", "root="});
                if (!arguments.positional().empty())
                        throw Error(failure::usage,
                                fmt::format("unknown argument '{}'", arguments.positional().front()),
                                "See --help");

                if (const auto ended = arguments.last("ended")) {
                        report_end(*ended);
                        return 0;
                }

                if (arguments.has("root"))
                        return print_last_boot(arguments.root());

                Manager manager;
                auto units = read_chain(manager, root_unit);
                add_records(units);
                const Root root;
                Situation situation{.retry_in = retry_in(manager),
                        .chosen = is_chosen_as_node(root),
                        .why_not = why_not_a_node(root),
                        .explain_key = {},
                        .now = now(CLOCK_MONOTONIC),
                        .clock_synchronised = clock_is_synchronised(),
                        .core_dumps = keeps_core_dumps()};
                add_places(units, situation);
                const auto storage = read_file_if_exists("/run/eks/instance-store").value_or("");
                fmt::print("{}{}{}{}{}{}", render_verdict(units, root_unit, situation),
                        render_status(units, root_unit), render_stale(stale_daemons(root)),
                        render_storage(storage, {.use = space_use, .loss = loss_of_array}),
                        render_swap(swap_record(root), swap_areas(root)), render_edits(edited_files(root)));
                return chain_exit_status(units, root_unit, situation.retry_in);
        });
}
