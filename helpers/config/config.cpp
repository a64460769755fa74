// SPDX-License-Identifier: Apache-2.0
#include "config.hpp"

#include "base/fs.hpp"
#include "containerd_config.hpp"
#include "registry_mirrors.hpp"
#include "snapshotter.hpp"

namespace eks {

namespace {

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

StepPlan plan_config(const Root& root, Resolved resolved, const Json& imds, const Versions& versions)
{
        add_bootstrap_dns(resolved, imds);
        StepPlan plan{.notes = resolved.merged.notes};
        validate(resolved, imds, plan.notes);
        plan.files.push_back({.path = std::string(node_path),
                .content = render_node_json(resolved.merged, versions),
                .mode = 0600});
        NodeInputs node{.root = root,
                .spec = node_spec(resolved.merged.tree, resolved.merged.marks),
                .facts = imds.is_object() ? instance_facts(imds) : InstanceFacts{},
                .versions = versions,
                .credential_provider = {}};
        plan.files.push_back({.path = "/run/eks/enabled/containerd-volume",
                .content = {},
                .kind = node.spec.containerd_volume ? File::Kind::regular : File::Kind::absent});
        plan.files.push_back({.path = "/run/eks/enabled/hosts",
                .content = {},
                .kind = node.spec.outpost ? File::Kind::regular : File::Kind::absent});
        plan.files.push_back({.path = "/run/eks/enabled/registry-mirrors",
                .content = {},
                .kind = needs_registry_mirrors(node) ? File::Kind::regular : File::Kind::absent});
        plan.files.push_back({.path = "/run/eks/enabled/sandbox-image",
                .content = {},
                .kind = needs_sandbox_image(node) ? File::Kind::regular : File::Kind::absent});
        try {
                node.soci = choose_soci(node, plan.notes);
        } catch (const Error&) {
                node.soci = false; // as above
        }
        plan.files.push_back({.path = std::string(soci_gate),
                .content = {},
                .kind = node.soci ? File::Kind::regular : File::Kind::absent});
        plan.files.push_back({.path = "/run/eks/enabled/sysctl",
                .content = {},
                .kind = node.spec.sysctls.empty() ? File::Kind::absent : File::Kind::regular});
        plan.files.push_back({.path = "/run/eks/enabled/user-scripts",
                .content = {},
                .kind = resolved.has_scripts ? File::Kind::regular : File::Kind::absent});
        return plan;
}

} // namespace eks
