// SPDX-License-Identifier: Apache-2.0
#include "checks/checks.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"
#include "checks/check_cluster.hpp"
#include "checks/check_environment.hpp"
#include "checks/check_kubelet_config.hpp"
#include "checks/check_kubelet_flags.hpp"
#include "checks/check_labels.hpp"
#include "checks/check_network.hpp"
#include "checks/check_report.hpp"
#include "checks/check_swap.hpp"
#include "checks/fact_template.hpp"
#include "checks/labels.hpp"

namespace eks {

namespace {

const std::array<std::string, 2> known_gates{"FastImagePull", "InstanceIdNodeName"};

void check_gates(const Json& tree, const CheckReport& report)
{
        const auto* gates = member(&tree, "featureGates");
        if (gates == nullptr || !gates->is_object())
                return;
        for (const auto& [name, on] : gates->items()) {
                if (std::ranges::find(known_gates, name) != known_gates.end())
                        continue;
                const auto near = nearest(name, known_gates);
                report.note(Level::warning, key_path("featureGates", name), value_text(on),
                        near ? fmt::format(
                                       "not a feature gate of this version (did you mean '{}'?), ignoring",
                                       *near)
                             : "not a feature gate of this version, ignoring");
        }
}

void check_node_name(const Json& tree, const Json& imds, const CheckReport& report)
{
        constexpr std::string_view key = "instance.nodeName";
        const auto* given = text_member(member(&tree, "instance"), "nodeName");
        if (given == nullptr || given->empty())
                return;
        const auto [text, wrong, remedy] = expand_facts(*given, imds);
        if (!wrong.empty())
                report.problem(key, *given, wrong, remedy);
        else if (text)
                if (const auto wrong_name = wrong_node_name(*text); !wrong_name.empty())
                        report.problem(
                                key, *given, wrong_name, "Give a name that the cluster knows the node by");
}

} // namespace

void check_values(const Layer& merged, const Json& imds, Problems& problems, std::vector<Note>& notes)
{
        const auto& tree = merged.tree;
        const CheckReport report(merged.marks, problems, notes);
        const auto items = texts(member(member(&tree, "kubelet"), "flags"));
        const auto flags = parse_kubelet_flags(items);
        LabelChecks labels(tree, imds, report);

        check_cluster(tree, imds, report);
        check_environment(tree, report);
        check_gates(tree, report);
        check_node_name(tree, imds, report);
        check_name_resolution(tree, report);
        check_managed_interfaces(tree, report);
        check_kubelet_config(tree, flags, report);
        labels.check_config_taints();
        labels.check_node_labels();
        labels.check_node_taints();
        check_reservations(tree, flags, report);
        check_kubelet_flags(items, flags, labels, report);
        check_swap(tree, flags, report);
}

} // namespace eks
