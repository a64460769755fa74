// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/configured.hpp"

namespace eks {

// The name, labels and taints of the node's registration.
struct RegistrationSpec {
        bool instance_id_node_name = false;
        std::string node_name = {};                // instance.nodeName, with templates, as given
        std::map<std::string, std::string> labels; // values with templates, as given
        std::vector<std::string> taints;
        bool hardware_labels = false;
        bool gpu_labels = false;
        std::string kubeconfig_auth = "eksnode"; // the program that gives kubelet its token
};

RegistrationSpec registration_spec(const Configured& given);

} // namespace eks
