// SPDX-License-Identifier: Apache-2.0
#include "config.hpp"

#include <fmt/format.h>

#include "base/fs.hpp"
#include "checks/described_cluster.hpp"
#include "checks/validate.hpp"
#include "config/schema.hpp"
#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "containerd/registries.hpp"
#include "containerd/snapshotter.hpp"
#include "node/hosts_block.hpp"
#include "node/image_name.hpp"

namespace eks {

namespace {

constexpr Version containerd_pins_since{1, 7, 3};

// Without an archive containerd pulls any other pause image when the first pod needs it.
bool needs_sandbox_image(const NodeInputs& node)
{
        if (exists(node.root(pause_archive)))
                return true;
        try {
                if (is_node_s_image(sandbox_image(node)))
                        return true;
                // An edited file stands, and may name another image than ours.
                const auto present = read_file_if_exists(node.root(containerd_config_path));
                return present &&
                       is_node_s_image(sandbox_image_in(*present, std::string(containerd_config_path)));
        } catch (const Error&) {
                return true; // what is wrong there is for eks-containerd-config to say
        }
}

} // namespace

std::string spared_image(const NodeInputs& node)
{
        if (node.versions.containerd >= containerd_pins_since)
                return {};
        try {
                return parse_image_name(sandbox_image(node)).text();
        } catch (const Error&) {
                return {}; // as above
        }
}

StepPlan plan_config(const Root& root, Resolved resolved, const Json& imds, const Versions& versions)
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
        plan.files.push_back({.path = std::string(node_path),
                .content = render_node_json(resolved.merged, versions, spared_image(node)),
                .mode = 0600});
        try {
                node.soci = choose_soci(node, plan.notes);
        } catch (const Error&) {
                node.soci = false; // as above
        }
        const auto gate = [&](std::string_view name, bool open) {
                plan.files.push_back({.path = fmt::format("/run/eks/enabled/{}", name),
                        .content = {},
                        .kind = open ? File::Kind::regular : File::Kind::absent});
        };
        const bool asks_eks = !keys_to_ask_for(resolved.merged.tree).empty();
        gate("cluster", asks_eks);
        gate("containerd-volume", node.spec.containerd_volume.has_value());
        // Also for the block that it once wrote, to be taken away, and where EKS may say that it is needed.
        const auto hosts = read_file_if_exists(root(hosts_path)).value_or("");
        const bool may_be_local =
                asks_eks && find_path(resolved.merged.tree, "cluster.enableOutpost") == nullptr;
        gate("hosts", node.spec.outpost || may_be_local || hosts.find(hosts_block_begin) != hosts.npos);
        gate("registry-mirrors", needs_registry_mirrors(node));
        gate("sandbox-image", needs_sandbox_image(node));
        gate("soci-snapshotter", node.soci);
        gate("sysctl", !node.spec.sysctls.empty());
        // Who has called bootstrap.sh wants kubelet now; a script goes on beside it.
        gate("user-scripts", resolved.has_scripts && !resolved.was_called);
        return plan;
}

} // namespace eks
