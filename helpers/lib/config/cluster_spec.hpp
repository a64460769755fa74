// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "config/addresses.hpp"
#include "config/configured.hpp"

namespace eks {

// The settings of the cluster's VPC CNI that matter for maxPods.
struct CniMode {
        bool prefix_delegation = false;
        bool custom_networking = false;
        unsigned max_enis = 0; // 0: as many as the instance type has
};

struct ClusterSpec {
        std::string name;
        std::string id;       // of a local cluster on an Outpost
        bool outpost = false; // cluster.enableOutpost
        std::string endpoint;
        Sourced certificate_authority;    // base64, as given
        std::optional<Cidr> service_cidr; // absent only if kubelet.config names the DNS service's address
        IpFamily ip_family = IpFamily::ipv4;
        bool ipv6_first = false; // the family of the cluster's services; a dual-stack node has it first
        CniMode cni;
};

ClusterSpec cluster_spec(const Configured& given);

} // namespace eks
