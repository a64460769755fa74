// SPDX-License-Identifier: Apache-2.0
#include "steps/changes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "checks/described_cluster.hpp"
#include "config/known_keys.hpp"
#include "containerd/files.hpp"
#include "node/hosts_block.hpp"
#include "steps/environment/environment_step.hpp"
#include "steps/steps.hpp"
#include "systemd/daemons.hpp"

namespace eks {

namespace {

constexpr std::string_view config_step = "eks-config";
constexpr std::string_view trust_step_name = "eks-trust";  // before whatever makes TLS connections
constexpr std::string_view resolved_step = "eks-resolved"; // before whatever looks a name up

// The daemon to name beside a file; none for the environment that the manager gives to every service.
std::string reader_of(const std::string& path)
{
        const auto readers = readers_of(path);
        const bool of_all = path == std::string(environment_directory).append(every_service);
        return of_all || readers.empty() ? std::string() : readers.front();
}

bool takes_effect(const FileChange& change)
{
        return change.outcome != Outcome::edit_stands;
}

Json spec_in(const std::string& node_json)
{
        const auto document = try_parse_json(node_json);
        return document.is_object() ? document.value("spec", Json::object()) : Json::object();
}

std::string text_at(const Json& spec, std::string_view path)
{
        const auto* value = find_path(spec, path);
        return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

Json value_at(const Json& spec, std::string_view path)
{
        const auto* value = find_path(spec, path);
        return value != nullptr ? *value : Json();
}

bool contains(const std::vector<std::string>& list, const std::string& item)
{
        return std::ranges::find(list, item) != list.end();
}

class Finder {
public:
        Finder(const Root& root, const std::vector<PlannedStep>& steps, const Finding& finding)
                : root_(&root), steps_(&steps), finding_(&finding), kubelet_runs_(!finding.before)
        {
        }

        Changes find()
        {
                for (const auto& step : *steps_)
                        for (const auto& file : step.plan.files)
                                look_at(step, file);

                if (kubelet_runs_)
                        compare_with_plan(steps_->front().plan.files);
                else
                        compare(*finding_->before, present_decision(*root_));

                const bool changed = std::ranges::any_of(changes_.files, takes_effect) ||
                                     !changes_.opened.empty() || !changes_.closed.empty() || hosts_change_ ||
                                     swap_change_ || hosts_lag_;
                if (changed || !finding_->pending.empty())
                        decide();

                return std::move(changes_);
        }

private:
        void look_at(const PlannedStep& step, const File& file)
        {
                const bool is_gate = step.name == config_step && file.path.starts_with(gates_directory);
                if (is_gate)
                        return;
                if (const auto outcome = foresee(*root_, file); outcome != Outcome::unchanged)
                        changes_.files.push_back(
                                {std::string(step.name), file, outcome, reader_of(file.path)});
        }

        // With what eks-config would write.
        void compare_with_plan(const std::vector<File>& config)
        {
                const auto node = std::ranges::find(config, node_path, &File::path);
                if (node == config.end())
                        return;

                auto before = present_decision(*root_);
                before.gates.clear();
                Decision after{.spec = spec_in(node->content), .gates = {}};

                for (const auto& file : config) {
                        if (!file.path.starts_with(gates_directory))
                                continue;

                        const auto gate = file.path.substr(gates_directory.size());
                        if (exists((*root_)(file.path)))
                                before.gates.push_back(gate);
                        if (file.kind == File::Kind::regular)
                                after.gates.push_back(gate);
                }

                compare(before, after);
        }

        void compare(const Decision& before, const Decision& after)
        {
                constexpr auto scripts = "user-scripts"; // they run when the machine boots
                open_ = after.gates;

                for (const auto& gate : after.gates)
                        if (gate != scripts && !contains(before.gates, gate))
                                changes_.opened.push_back(gate);

                for (const auto& gate : before.gates)
                        if (gate != scripts && !is_open(gate))
                                changes_.closed.push_back(gate);
                look_at_settings(before.spec, after.spec);
        }

        // Changes that no file shows.
        void look_at_settings(const Json& old_spec, const Json& new_spec)
        {
                const auto differs = [&](std::string_view path) {
                        return value_at(old_spec, path) != value_at(new_spec, path);
                };

                hosts_change_ = differs("cluster");
                swap_change_ = is_opened("swap") || differs("swap") || differs("swapSize");
                swap_on_store_ = text_at(new_spec, "swap") == "instance-store";

                const auto name = value_at(new_spec, "cluster.name");
                const auto described =
                        name.is_string() ? described_cluster(*root_, name) : std::optional<Json>();
                asks_eks_ = is_open("cluster") && (is_opened("cluster") || !described);
                auto completed = new_spec;

                if (described && is_open("cluster")) {
                        Marks marks;
                        std::vector<Note> notes;
                        complete_cluster(completed, marks, *described, notes);
                }

                hosts_lag_ = is_open("hosts") && hosts_lag(completed);

                for (const auto& [gate, key] : {std::pair("containerd-volume", "containerd.volume"),
                             {"instance-store", "instance.localStorage"}})
                        if (is_opened(gate))
                                changes_.needs_stop = key;
                        else if (differs(key))
                                changes_.at_boot.emplace_back(key);

                for (const auto* key : {"instance.network.managedInterfaces", "nvidia.mig.profile"})
                        if (differs(key))
                                changes_.at_boot.emplace_back(key);
        }

        // Whether /etc/hosts differs from the configuration, because eks-hosts failed or was masked.
        bool hosts_lag(const Json& spec) const
        {
                const auto text = read_file_if_exists((*root_)(std::string(hosts_path))).value_or("");
                if (value_at(spec, "cluster.enableOutpost") != true)
                        return text.find(hosts_block_begin) != text.npos;
                const auto host =
                        endpoint_host(std::string(trim(text_at(spec, "cluster.apiServerEndpoint"))));
                return !host.empty() && !names_host(text, host);
        }

        bool is_opened(const std::string& gate) const { return contains(changes_.opened, gate); }
        bool is_closed(const std::string& gate) const { return contains(changes_.closed, gate); }
        bool is_open(const std::string& gate) const { return contains(open_, gate); }

        bool concerns(std::string_view daemon) const
        {
                return std::ranges::any_of(changes_.files, [&](const FileChange& change) {
                        return contains(readers_of(change.file.path), std::string(daemon)) &&
                               takes_effect(change);
                });
        }

        bool has_changed_file(std::string_view step) const
        {
                return std::ranges::any_of(changes_.files, [&](const FileChange& change) {
                        return change.step == step && takes_effect(change);
                });
        }

        void act(Action::Kind kind, std::string_view unit)
        {
                changes_.actions.push_back({kind, std::string(unit)});
        }

        // The order of a boot.
        void decide()
        {
                if (kubelet_runs_)
                        act(Action::Kind::run, "eks-config.service");
                run_first_steps();
                run_planned_steps();

                if (is_open("hosts") && (is_opened("hosts") || hosts_change_ || hosts_lag_))
                        act(Action::Kind::run, "eks-hosts.service");
                close_steps();
                restart_daemons();
        }

        // Those that others rest on: certificates, name servers, swap, the cluster.
        void run_first_steps()
        {
                if (has_changed_file(trust_step_name) || is_opened("trust"))
                        act(Action::Kind::run, "eks-trust.service");
                other_servers_ = has_changed_file(resolved_step) || is_opened("resolved");
                if (other_servers_ && !is_closed("resolved"))
                        act(Action::Kind::run, "eks-resolved.service");
                if (!swap_waits_for_disks())
                        run_swap();
                if (asks_eks_ && kubelet_runs_)
                        act(Action::Kind::run, "eks-cluster.service");
        }

        // Before eks-kubelet-config looks for swap. It also turns off and removes what is no longer
        // configured; its gate stays open meanwhile.
        void run_swap()
        {
                if (swap_change_ && is_open("swap"))
                        act(Action::Kind::run, "eks-swap.service");
        }

        // Its file may be on a disk that is mounted when containerd starts again.
        bool swap_waits_for_disks() const { return !changes_.needs_stop.empty() && swap_on_store_; }

        void run_planned_steps()
        {
                for (const auto& step : *steps_) {
                        const auto gate = std::string(step.name.substr(std::string_view("eks-").size()));
                        if (step.name == config_step || step.name == trust_step_name ||
                                step.name == resolved_step || is_closed(gate) || step.error)
                                continue;

                        // Whether the proxy is the way to the API server depends on its addresses.
                        const bool looks_again =
                                gate == "environment" && is_open(gate) && (hosts_change_ || other_servers_);
                        if (has_changed_file(step.name) || is_opened(gate) || looks_again)
                                act(Action::Kind::run, std::string(step.name) + ".service");
                }
        }

        void close_steps()
        {
                for (const auto& step : planned_steps())
                        if (step.closing == Closing::runs_first && is_closed(std::string(step.gate())))
                                act(Action::Kind::close, fmt::format("{}.service", step.name));

                for (const auto* gate : {"cluster", "hosts"})
                        if (is_closed(gate))
                                act(Action::Kind::stop, fmt::format("eks-{}.service", gate));

                for (const auto& step : planned_steps())
                        if (step.closing == Closing::stops && is_closed(std::string(step.gate())))
                                act(Action::Kind::stop, fmt::format("{}.service", step.name));
        }

        void restart_daemons()
        {
                const auto restarts = [&](std::string_view daemon) {
                        return concerns(daemon) || contains(finding_->pending, std::string(daemon));
                };

                if (is_opened("soci-snapshotter"))
                        act(Action::Kind::start, soci_unit);
                else if (is_open("soci-snapshotter") && restarts(soci_unit))
                        act(Action::Kind::restart, soci_unit);
                const bool mounts_disks = !kubelet_runs_ && !changes_.needs_stop.empty();

                const bool containerd_restarts = restarts(containerd_unit) || mounts_disks;
                if (containerd_restarts)
                        act(Action::Kind::restart, containerd_unit);
                if (is_closed("soci-snapshotter"))
                        act(Action::Kind::stop, soci_unit);
                if (swap_waits_for_disks())
                        run_swap();
                if (!kubelet_runs_)
                        return;

                if (is_opened("sandbox-image"))
                        act(Action::Kind::run, "eks-sandbox-image.service");
                else if (is_open("sandbox-image") && containerd_restarts)
                        act(Action::Kind::follow, "eks-sandbox-image.service");
                else if (is_closed("sandbox-image"))
                        act(Action::Kind::stop, "eks-sandbox-image.service");

                if (containerd_restarts)
                        act(Action::Kind::follow, kubelet_unit);
                else if (restarts(kubelet_unit))
                        act(Action::Kind::restart, kubelet_unit);
        }

        const Root* root_;
        const std::vector<PlannedStep>* steps_;
        const Finding* finding_;
        bool kubelet_runs_;
        std::vector<std::string> open_; // gates, once eks-config has run
        Changes changes_;
        bool hosts_change_ = false;
        bool swap_change_ = false;
        bool swap_on_store_ = false;
        bool hosts_lag_ = false;
        bool asks_eks_ = false;
        bool other_servers_ = false;
};

} // namespace

Decision present_decision(const Root& root)
{
        return {.spec = spec_in(read_file_if_exists(root(node_path)).value_or("")),
                .gates = list_directory(root(std::string(gates_directory)))};
}

Changes find_changes(const Root& root, const std::vector<PlannedStep>& steps, const Finding& finding)
{
        return Finder(root, steps, finding).find();
}

std::string text_of(const Action& action)
{
        switch (action.kind) {
        case Action::Kind::run:
                return "run " + action.unit;
        case Action::Kind::close:
                return fmt::format("run {}, and stop it: it is no longer needed", action.unit);
        case Action::Kind::start:
                return "start " + action.unit;
        case Action::Kind::restart:
                return "restart " + action.unit;
        case Action::Kind::follow:
                return fmt::format("restart {} with containerd", action.unit);
        case Action::Kind::stop:
                return "stop " + action.unit;
        }
        return action.unit;
}

} // namespace eks
