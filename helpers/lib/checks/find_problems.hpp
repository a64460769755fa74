// SPDX-License-Identifier: Apache-2.0
// The errors in the whole configuration of a node.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/node_spec.hpp"
#include "config/sources.hpp"

namespace eks {

// That no layer names a cluster, which only a script can mend.
std::string no_cluster_but_scripts(const Resolved& resolved);

// That no layer names a cluster because a call was refused.
Error refused_call_error(const RefusedCall& call, const Failure& failure);

// The Error (config_missing) of a configuration without any key of a cluster; nothing if it has one, or
// other problems that may be the cause.
std::optional<Error> missing_cluster(const Resolved& resolved);

// Remarks about the scripts in the user data, as sentences.
std::vector<std::string> script_remarks(const Resolved& resolved);

// For a call of bootstrap.sh that names neither the cluster's service range nor its DNS service,
// bootstrap.sh's rule applies: the DNS service is 172.20.0.10 if an IPv4 range of the VPC begins with 10,
// else 10.100.0.10 (EKS gives services 172.20.0.0/16 or 10.100.0.0/16 by the same rule, unless told
// otherwise). Sets kubelet.config.clusterDNS; does nothing without such a call, or without facts (`imds`).
void add_bootstrap_dns(Resolved& resolved, const Json& imds);

// Configured keys that no step of this version implements. A node does not start with them, because it would
// silently lack them.
Problems keys_without_a_step(const Layer& merged);

// The settings. Everything that is missing or wrong is added to the problems, beginning with the layers.
// `imds` are facts for the checks, or null. Throws missing_cluster() if there is such. An image, which gets
// its cluster later, need not be `complete`.
NodeSpec find_problems(const Resolved& resolved, const Json& imds, Problems& problems,
        std::vector<Note>& notes, bool complete = true);

// The same, with the problems thrown as an Error (config_invalid).
NodeSpec validate(const Resolved& resolved, const Json& imds, std::vector<Note>& notes);

} // namespace eks
