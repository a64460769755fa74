// SPDX-License-Identifier: Apache-2.0
#include "steps/config/config.hpp"

#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/swaps.hpp"
#include "checks/described_cluster.hpp"
#include "checks/find_problems.hpp"
#include "config/known_keys.hpp"
#include "config/local_storage.hpp"
#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "containerd/registries.hpp"
#include "containerd/snapshotter.hpp"
#include "node/hosts_block.hpp"
#include "node/image_name.hpp"
#include "node/interfaces.hpp"
#include "node/shutdown_period.hpp"
#include "node/trusted_certificates.hpp"

namespace eks {

namespace {

constexpr Version containerd_pins_since{1, 7, 3};

// If the settings of containerd are broken, the decision stays open: eks-containerd-config fails and says
// why.
template <typename F>
auto unless_broken(std::vector<Note>& notes, const F& decide) -> std::optional<decltype(decide())>
{
        try {
                return decide();
        } catch (const Error& e) {
                notes.push_back({Level::debug, fmt::format("left to eks-containerd-config: {}", e.what())});
                return std::nullopt;
        }
}

Decisions decide(NodeInputs node, std::vector<Note>& notes)
{
        auto& decided = node.decided; // the later ones rest on the earlier
        decided.sandbox_image = unless_broken(notes, [&] { return pulled_pause_image(node); })
                                        .value_or(std::nullopt)
                                        .value_or("");
        if (node.versions.containerd < containerd_pins_since)
                decided.spared_image = unless_broken(notes, [&] {
                        return parse_image_name(sandbox_image(node)).text();
                }).value_or("");
        decided.soci = unless_broken(notes, [&] { return choose_soci(node, notes); }).value_or(false);
        return decided;
}

struct GateInputs {
        const NodeInputs& node;
        const Resolved& resolved;
        std::vector<Note>& notes;

        bool asks_eks() const { return !keys_to_ask_for(resolved.merged.tree).empty(); }
};

// Also to remove a block that it wrote earlier, and if only the answer of EKS decides whether it is needed.
bool needs_hosts(const GateInputs& given)
{
        const auto hosts = read_file_if_exists(given.node.root(hosts_path)).value_or("");
        const bool may_be_local = given.asks_eks() &&
                                  find_path(given.resolved.merged.tree, "cluster.enableOutpost") == nullptr;
        return given.node.spec.cluster.outpost || may_be_local ||
               hosts.find(hosts_block_begin) != hosts.npos;
}

// Without an archive containerd pulls any other pause image when the first pod needs it.
bool needs_sandbox_image(const GateInputs& given)
{
        const auto& root = given.node.root;
        return exists(root(pause_archive)) || unless_broken(given.notes, [&] {
                if (is_node_s_image(sandbox_image(given.node)))
                        return true;
                // An edited file is kept, and may name another image than ours.
                const auto present = read_file_if_exists(root(containerd_config_path));
                return present &&
                       is_node_s_image(sandbox_image_in(*present, std::string(containerd_config_path)));
        }).value_or(true);
}

// The optional steps, and the conditions for each.
struct Gate {
        std::string_view name;
        bool (*is_open)(const GateInputs&);
};

constexpr std::array gates{
        Gate{"cluster", [](const GateInputs& given) { return given.asks_eks(); }},
        Gate{"containerd-volume",
                [](const GateInputs& given) {
                        return given.node.spec.storage.containerd_volume.has_value();
                }},
        Gate{"environment",
                [](const GateInputs& given) {
                        const auto& host = given.node.spec.host;
                        return !host.environments.empty() || host.proxy.is_given();
                }},
        Gate{"hosts", needs_hosts},
        Gate{"instance-store",
                [](const GateInputs& given) {
                        Problems problems; // found before
                        const auto& merged = given.resolved.merged;
                        return local_storage(merged.tree, merged.marks, problems).has_value();
                }},
        Gate{"interface",
                [](const GateInputs& given) {
                        return !given.node.spec.host.managed_interfaces.empty() ||
                               has_more_interfaces(given.node.root, given.node.facts.all);
                }},
        Gate{"nvidia-mig",
                [](const GateInputs& given) { return !given.node.spec.host.mig_profile.empty(); }},
        Gate{"registry-mirrors", [](const GateInputs& given) { return needs_registry_mirrors(given.node); }},
        Gate{"resolved",
                [](const GateInputs& given) {
                        const auto& host = given.node.spec.host;
                        return !host.name_servers.empty() || !host.search_domains.empty();
                }},
        Gate{"sandbox-image", needs_sandbox_image},
        Gate{"shutdown",
                [](const GateInputs& given) {
                        return other_shutdown_period(given.node.spec.kubelet.config).has_value();
                }},
        Gate{"soci-snapshotter", [](const GateInputs& given) { return given.node.decided.soci; }},
        // Also to take away what an earlier boot, or an earlier configuration of this one, has made.
        Gate{"swap",
                [](const GateInputs& given) {
                        const auto& root = given.node.root;
                        return given.node.spec.host.swap || exists(root(swap_file_path)) ||
                               exists(root(swap_on_store_path)) || exists(root(swap_record_path));
                }},
        Gate{"sysctl",
                [](const GateInputs& given) {
                        const auto& host = given.node.spec.host;
                        return !host.sysctls.empty() || !host.huge_pages.empty();
                }},
        // Also to take out what is no longer configured.
        Gate{"trust",
                [](const GateInputs& given) {
                        return !given.node.spec.host.trust.empty() || exists(given.node.root(trust_stamp));
                }},
        // After a call kubelet starts at once, and the script continues.
        Gate{"user-scripts",
                [](const GateInputs& given) {
                        return given.resolved.has_scripts && !given.resolved.was_called;
                }},
};

} // namespace

ConfigPlan plan_config(const Root& root, Resolved resolved, const Json& imds, const Versions& versions)
{
        add_bootstrap_dns(resolved, imds);
        StepPlan plan{.notes = resolved.merged.notes};
        validate(resolved, imds, plan.notes);
        keys_without_a_step(resolved.merged).throw_if_any(failure::step_missing);
        NodeInputs node{.root = root,
                .spec = node_spec(resolved.merged.tree, resolved.merged.marks),
                .facts = imds.is_object() ? instance_facts(imds) : InstanceFacts{},
                .versions = versions,
                .credential_provider = {}};
        node.decided = decide(node, plan.notes);
        plan.files.push_back({.path = std::string(node_path),
                .content = render_node_json(resolved.merged, versions, node.decided),
                .mode = 0600});
        const GateInputs given{node, resolved, plan.notes};
        for (const auto& gate : gates)
                plan.files.push_back({.path = fmt::format("{}{}", gates_directory, gate.name),
                        .content = {},
                        .kind = gate.is_open(given) ? File::Kind::regular : File::Kind::absent});
        return {std::move(plan), std::move(node.decided)};
}

Access config_access()
{
        return {.reads = {"/etc/containerd", "/etc/eks", "/etc/hosts", "/etc/kubernetes", "/usr/lib/eks",
                        "/usr/share/eks", "/run/eks", "/var/lib/eks", "/proc/cmdline", "/proc/meminfo",
                        "/proc/sys/crypto", "/proc/1", "/run/cloud-init", "/sys/devices/system",
                        "/var/lib/cloud/data"},
                .writes = {"/run/eks"},
                .runs_programs = true};
}

} // namespace eks
