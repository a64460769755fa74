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
#include "config/configured_facts.hpp"
#include "config/fact_template.hpp"
#include "config/labels.hpp"

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

void check_node_name(const std::string& given, const Json& imds, const CheckReport& report)
{
        constexpr std::string_view key = "instance.nodeName";
        if (given.empty())
                return;

        const auto [text, wrong, remedy] = expand_facts(given, imds);
        if (!wrong.empty())
                report.problem(key, given, wrong, remedy);
        else if (text)
                if (const auto wrong_name = wrong_node_name(*text); !wrong_name.empty())
                        report.problem(
                                key, given, wrong_name, "Give a name that the cluster knows the node by");
}

void check_facts(const Json& tree, const CheckReport& report)
{
        const auto* facts = member(&tree, "facts");
        for (const auto* name : configured_facts)
                if (const auto* value = text_member(facts, name); value != nullptr && !value->empty())
                        if (const auto wrong = wrong_fact(name, *value); !wrong.empty())
                                report.problem(fmt::format("facts.{}", name), *value, wrong,
                                        "Correct it, or remove the key");
}

} // namespace

void check_values(const NodeSpec& spec, const Layer& merged, const Json& imds, Problems& problems,
        std::vector<Note>& notes)
{
        const CheckReport report(merged.marks, problems, notes);
        LabelChecks labels(spec, imds, report);

        check_cluster(merged.tree, imds, report);
        check_environment(merged.tree, report);
        check_facts(merged.tree, report);
        check_gates(merged.tree, report);
        check_node_name(spec.registration.node_name, imds, report);
        check_name_resolution(spec.host, report);
        check_managed_interfaces(spec.host, report);
        check_kubelet_config(spec.kubelet, report);
        labels.check_config_taints();
        labels.check_node_labels();
        labels.check_node_taints();
        check_reservations(spec.kubelet, report);
        check_kubelet_flags(spec.kubelet.flags, labels, report);
        check_swap(spec.host, spec.kubelet, report);
}

} // namespace eks
