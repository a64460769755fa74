// SPDX-License-Identifier: Apache-2.0
#include "verbs/apply/apply.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/file.h>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "checks/described_cluster.hpp"
#include "node/proxy.hpp"
#include "steps/cluster/cluster.hpp"
#include "systemd/start_unit.hpp"
#include "verbs/plan/difference.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto lock_path = "/run/eks/apply.lock";
constexpr auto config_unit = "eks-config.service";
constexpr auto node_target = "eks-node.target";
constexpr auto configured_target = "eks-configured.target";
constexpr auto chain_timeout = 300s; // for slow metadata and pulled images
constexpr auto kubelet_timeout = 60s;
constexpr auto target_timeout = 10s;

bool is_masked(Manager& manager, const std::string& unit)
{
        return manager.unit(unit).text("LoadState") == "masked";
}

// Our units, including those that required units require, because systemd starts them all.
std::vector<std::string> steps_required_by(Manager& manager, const std::string& unit)
{
        std::vector<std::string> found{unit};
        for (std::size_t i = 0; i < found.size(); ++i)
                for (const auto& required : manager.unit(std::string(found[i])).list("Requires"))
                        if (required.starts_with("eks-") &&
                                std::ranges::find(found, required) == found.end())
                                found.push_back(required);
        found.erase(found.begin());

        return found;
}

bool is_active(Manager& manager, const char* unit)
{
        return manager.unit(unit).text("ActiveState") == "active";
}

// The environment in which eks-cluster would ask AWS, in place of that of the caller's shell.
void take_environment_of_unit(Manager& manager)
{
        constexpr std::array<std::string_view, 15> names{"ALL_PROXY", "AWS_ACCESS_KEY_ID",
                "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EKS", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                "AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT", "HTTPS_PROXY", "HTTP_PROXY",
                "NO_PROXY", "all_proxy", "http_proxy", "https_proxy", "no_proxy"};
        for (const auto name : names)
                ::unsetenv(std::string(name).c_str());
        const auto set = [](const std::string& assignment, const auto& takes) {
                const auto sign = assignment.find('=');
                if (sign == assignment.npos)
                        return;
                if (const auto name = assignment.substr(0, sign); takes(name))
                        ::setenv(name.c_str(), assignment.c_str() + sign + 1, 1);
        };

        for (const auto& assignment : manager.environment())
                set(assignment, [&](const std::string& name) {
                        return std::ranges::find(names, name) != names.end();
                });

        for (const auto& assignment : manager.unit("eks-cluster.service").service_list("Environment"))
                set(assignment, [](const std::string&) { return true; });
}

} // namespace

std::string show_changes(const Root& root, const Changes& changes)
{
        std::string text;
        for (const auto& change : changes.files)
                text += describe(root, change);
        for (const auto& gate : changes.opened)
                text += fmt::format("the gate {} opens\n", gate);
        for (const auto& gate : changes.closed)
                text += fmt::format("the gate {} closes\n", gate);
        for (const auto& key : changes.at_boot)
                text += fmt::format("{} changes: that takes effect when the machine boots again\n", key);

        return text;
}

std::string show_actions(const Changes& changes)
{
        if (changes.actions.empty())
                return "nothing to do: the node has this configuration\n";
        std::string text = "to do, in this order:\n";
        for (const auto& action : changes.actions)
                text += fmt::format("  {}\n", text_of(action));
        return text;
}

ApplyLock::ApplyLock(const Root& root)
        : fd_(::open(root(lock_path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600))
{
        if (!fd_)
                throw io_error("open", lock_path, errno);
        if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0)
                throw Error(failure::apply_busy, "another `eksnode apply` is running",
                        "Run it again when the other one has ended");
}

bool chain_is_up(Manager& manager)
{
        for (const auto* unit : {"eks-imds.service", "eks-config.service"})
                if (const auto state = manager.unit(unit).text("ActiveState");
                        state == "activating" || state == "reloading")
                        throw Error(failure::apply_busy, fmt::format("{} is running", unit),
                                "Run it again when `eksnode status` shows that it has ended");
        return is_active(manager, "eks-config.service");
}

std::optional<Json> ask_about_cluster(
        const Root& root, const Resolved& resolved, const Json& imds, Manager& manager, const Say& say)
{
        const auto& tree = resolved.merged.tree;
        if (keys_to_ask_for(tree).empty() || described_cluster(root, tree["cluster"]["name"]))
                return std::nullopt;

        take_environment_of_unit(manager);
        const auto facts = instance_facts(imds);
        use_environment({.root = root,
                .spec = node_spec(tree, resolved.merged.marks),
                .facts = facts,
                .versions = {},
                .credential_provider = {}});

        return ask_eks(root, question_about(tree["cluster"]["name"], imds), facts, {.say = say}).cluster;
}

void start_chain(Manager& manager, const Say& say)
{
        const auto kubelet = manager.unit("kubelet.service");
        if (kubelet.text("LoadState") != "loaded")
                return;

        const auto state = kubelet.text("ActiveState");
        const bool configured = is_active(manager, configured_target);

        const bool stopped_by_hand =
                configured && state == "inactive" && kubelet.number("ActiveEnterTimestampMonotonic") != 0;
        if (stopped_by_hand) {
                say(fmt::format(
                        "kubelet.service was stopped by hand and is not started; `systemctl start {}` starts it",
                        node_target));
                return;
        }

        if (configured && state == "active") {
                manager.wait_for_job(node_target, target_timeout); // it goes down and up with kubelet
                return;
        }

        if ((configured && state != "inactive" && state != "failed") || manager.unit(node_target).has_job())
                return; // it is about to run

        const bool targets = manager.run_job("StartUnit", configured_target, chain_timeout);
        if (!targets || !is_active(manager, configured_target))
                throw Error(failure::apply_failed,
                        fmt::format("{} was started but is not active", configured_target),
                        "See `eksnode status` for what failed, and run `eksnode apply` again");

        if (!configured)
                start_skipped_interfaces(manager);

        const bool ended = manager.run_job("StartUnit", node_target, kubelet_timeout);
        if (ended && !is_active(manager, node_target))
                throw Error(failure::apply_failed,
                        fmt::format("{} was started but is not active", node_target),
                        "See `eksnode status` for what failed, and run `eksnode apply` again");

        say(ended ? fmt::format("started {}", node_target)
                  : fmt::format("started {}, which is not active yet: see `eksnode status`", node_target));
}

void leave_out_masked(Manager& manager, std::vector<PlannedStep>& steps, const Say& say)
{
        std::erase_if(steps, [&](const PlannedStep& step) {
                const auto unit = std::string(step.name) + ".service";
                const bool masked = unit != config_unit && is_masked(manager, unit);
                if (masked)
                        say(fmt::format("{} is masked: its files stay as they are", unit));
                return masked;
        });
}

void refuse_masked(Manager& manager, const Changes& changes)
{
        const auto refuse = [](const std::string& masked, const std::string& why) {
                throw Error(failure::apply_masked, fmt::format("{} is masked, and {}", masked, why),
                        fmt::format("Run `systemctl unmask {}` and then `eksnode apply` again", masked));
        };

        for (const auto& [kind, name] : changes.actions) {
                if (name == config_unit && is_masked(manager, name))
                        refuse(name, "resolves the configuration");
                if (kind == Action::Kind::start && is_masked(manager, name))
                        refuse(name, "the new configuration needs it");

                const bool restarts = kind == Action::Kind::restart || kind == Action::Kind::follow;
                if (!restarts || is_masked(manager, name) ||
                        manager.unit(name).text("ActiveState") == "inactive")
                        continue;

                for (const auto& required : steps_required_by(manager, name))
                        if (is_masked(manager, required))
                                refuse(required,
                                        fmt::format("{} requires it: it would not start again", name));
        }
}

void close_gates(Manager& manager, const Changes& rest, const Say& say)
{
        if (rest.files.empty() && rest.opened.empty() && !rest.closed.empty())
                take_over(manager, rest, say);
}

void refuse_disk_below_containerd(Manager& manager, const Changes& changes)
{
        const auto state = manager.unit("containerd.service").text("ActiveState");
        if (changes.needs_stop.empty() || state == "inactive" || state == "failed")
                return;

        throw Error(failure::apply_needs_stop,
                fmt::format("{}: a disk cannot be mounted while containerd runs", changes.needs_stop),
                "Reboot the node, which applies all changes. Or drain it, stop kubelet and "
                "containerd "
                "with `systemctl stop kubelet containerd`, run `eksnode apply`, and start eks-node.target");
}

} // namespace eks
