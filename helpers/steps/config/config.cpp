// SPDX-License-Identifier: Apache-2.0
#include "steps/config/config.hpp"

#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "checks/described_cluster.hpp"
#include "checks/find_problems.hpp"
#include "config/known_keys.hpp"
#include "containerd/image_settings.hpp"
#include "containerd/snapshotter.hpp"
#include "node/image_name.hpp"
#include "steps/gates.hpp"

namespace eks {

namespace {

constexpr Version containerd_pins_since{1, 7, 3};

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

} // namespace

ConfigPlan plan_config(const Root& root, Resolved resolved, const Json& imds, const Versions& versions)
{
        add_bootstrap_dns(resolved, imds);
        StepPlan plan{.notes = resolved.merged.notes};
        auto spec = validate(resolved, imds, plan.notes);
        keys_without_a_step(resolved.merged).throw_if_any(failure::step_missing);
        NodeInputs node{.root = root,
                .spec = std::move(spec),
                .facts = imds.is_object() ? instance_facts(imds) : InstanceFacts{},
                .versions = versions,
                .credential_provider = {}};
        node.decided = decide(node, plan.notes);
        plan.files.push_back({.path = std::string(node_path),
                .content = render_node_json(resolved.merged, versions, node.decided),
                .mode = 0600});

        const GateInputs given{node, resolved, plan.notes};
        for (const auto& gate : gates())
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
