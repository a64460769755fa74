// SPDX-License-Identifier: Apache-2.0
#include "config/registration_spec.hpp"

namespace eks {

RegistrationSpec registration_spec(const Configured& given)
{
        const auto& node = given.table("node");
        RegistrationSpec spec{
                .instance_id_node_name = given.table("featureGates").value("InstanceIdNodeName", false),
                .node_name = given.table("instance").value("nodeName", std::string()),
                .labels = node.value("labels", std::map<std::string, std::string>()),
                .taints = node.value("taints", std::vector<std::string>()),
                .hardware_labels = node.value("hardwareLabels", false),
                .gpu_labels = node.value("gpuLabels", false)};
        spec.kubeconfig_auth = given.table("kubeconfig").value("auth", spec.kubeconfig_auth);

        return spec;
}

} // namespace eks
