// SPDX-License-Identifier: Apache-2.0
// The answer of EKS about a cluster that the configuration names without all its values; eks-cluster asks
// for it.
#pragma once

#include <string>
#include <vector>

#include "document/layer.hpp"

namespace eks {

inline constexpr std::string_view described_by = "EKS DescribeCluster"; // the place of its values

// The keys that every node needs and this configuration lacks, although it names the cluster. Empty if there
// is nothing to ask for. kubelet.config.clusterDNS stands for cluster.cidr.
std::vector<std::string> keys_to_ask_for(const Json& tree);

// Add the keys that `tree` lacks from `described`, an object of keys of cluster. Configured values are kept;
// a note names those that differ.
void complete_cluster(Json& tree, Marks& marks, const Json& described, std::vector<Note>& notes);

// Everything that is missing or wrong in the cluster of a completed configuration. `imds` as for
// check_cluster().
Problems problems_of_completed(
        const Json& tree, const Marks& marks, const Json& imds, std::vector<Note>& notes);

} // namespace eks
