// SPDX-License-Identifier: Apache-2.0
#include "node/ec2_needs.hpp"

#include <algorithm>

#include "node/kubelet_gates.hpp"
#include "node/max_pods.hpp"

namespace eks {

namespace {

// A name that the configuration sets, or that kubelet finds itself, needs no call.
bool is_named_by_ec2(const NodeInputs& node)
{
        const auto& registration = node.spec.registration;
        return kubelet_takes(GatePlace::flag, "hostname-override", node.versions.kubelet) &&
               registration.node_name.empty() && !registration.instance_id_node_name &&
               node.spec.kubelet.flags.last("hostname-override") == nullptr;
}

} // namespace

bool tells_private_name(const InstanceFacts& facts)
{
        const auto label =
                std::string_view(facts.local_hostname).substr(0, facts.local_hostname.find_first_of(". "));
        auto by_address = "ip-" + facts.local_ipv4;
        std::ranges::replace(by_address, '.', '-');
        return !label.empty() && (label == by_address || label == facts.instance_id);
}

Ec2Needs ec2_needs(const NodeInputs& node)
{
        const auto& facts = node.facts;
        const bool limits = depends_on_type(node.spec);
        Ec2Needs needs{.name = is_named_by_ec2(node) && !tells_private_name(facts),
                .type = limits && facts.instance_type.empty(),
                .zone = facts.availability_zone.empty(),
                .limits_of = {}};

        if (limits && !needs.type && !find_instance_type(node.root, facts.instance_type))
                needs.limits_of = facts.instance_type;
        return needs;
}

} // namespace eks
