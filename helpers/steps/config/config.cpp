// SPDX-License-Identifier: Apache-2.0
#include "steps/config/config.hpp"

#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
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

std::vector<std::string> decisions_for_all_steps(const NodeInputs& node)
{
        const auto& [soci, pulled, spared] = node.decided;
        const auto from = [&](const char* daemon) {
                const auto file = fmt::format("/etc/eks/{}-version.txt", daemon);
                return exists(node.root(file)) ? file : fmt::format("`{} --version`", daemon);
        };

        std::vector<std::string> all{
                fmt::format("kubelet is {}, from {}", node.versions.kubelet.text(), from("kubelet")),
                fmt::format(
                        "containerd is {}, from {}", node.versions.containerd.text(), from("containerd")),
                fmt::format("images are unpacked by {}: containerd.snapshotter is {}, '{}' {}",
                        soci ? "soci-snapshotter" : "containerd",
                        node.spec.containerd.snapshotter.empty() ? "not set"
                                                                 : node.spec.containerd.snapshotter,
                        soci_program, exists(node.root(soci_program)) ? "is installed" : "is not installed"),
                pulled.empty() ? fmt::format("the pause image is that of the machine image, '{}', or of the "
                                             "configuration of containerd",
                                         pause_archive)
                               : fmt::format("the pause image is '{}', EKS's own for the region {}", pulled,
                                         node.facts.region)};
        if (!spared.empty())
                all.push_back(
                        fmt::format("kubelet is told not to collect '{}', which containerd {} does not pin",
                                spared, node.versions.containerd.text()));

        return all;
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

        plan.decisions = winning_layers(resolved);

        for (auto& decision : decisions_for_all_steps(node))
                plan.decisions.push_back(std::move(decision));

        const GateInputs given{node, resolved, plan.notes};

        for (const auto& gate : gates()) {
                const bool open = gate.is_open(given);
                plan.files.push_back({.path = fmt::format("{}{}", gates_directory, gate.name),
                        .content = {},
                        .kind = open ? File::Kind::regular : File::Kind::absent});
                plan.decisions.push_back(fmt::format("the step '{}' {} {}", gate.name,
                        open ? "runs:" : "is skipped, it would run if", gate.when));
        }

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
