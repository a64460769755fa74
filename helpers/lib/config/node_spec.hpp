// SPDX-License-Identifier: Apache-2.0
// The settings of a node, which its merged configuration contains.
#pragma once

#include "config/cluster_spec.hpp"
#include "config/containerd_spec.hpp"
#include "config/host_spec.hpp"
#include "config/kubelet_spec.hpp"
#include "config/registration_spec.hpp"
#include "config/storage_spec.hpp"

namespace eks {

struct NodeSpec {
        ClusterSpec cluster;
        KubeletSpec kubelet;
        ContainerdSpec containerd;
        RegistrationSpec registration;
        StorageSpec storage;
        HostSpec host;
};

// `tree` has passed check_layer(); remaining errors are added to `problems`.
NodeSpec node_spec(const Json& tree, const Marks& marks, Problems& problems);

// The same, with the errors thrown as Error (config_invalid).
NodeSpec node_spec(const Json& tree, const Marks& marks);

} // namespace eks
