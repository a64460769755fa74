// SPDX-License-Identifier: Apache-2.0
// What is missing or wrong in the configuration of a node as a whole.
#pragma once

#include <string>
#include <vector>

#include "config/sources.hpp"

namespace eks {

// Whether no layer says anything of a cluster.
bool names_no_cluster(const Resolved& resolved);

// What a reader of this configuration should know of the scripts in the user data; a sentence each.
std::vector<std::string> script_remarks(const Resolved& resolved);

// A call of bootstrap.sh that names neither the cluster's service range nor its DNS service goes by
// bootstrap.sh's rule: the DNS service is 172.20.0.10 if an IPv4 range of the VPC begins with 10,
// else 10.100.0.10 (EKS gives services 172.20.0.0/16 or 10.100.0.0/16 by the same rule, unless told
// otherwise). Sets kubelet.config.clusterDNS; does nothing without such a call, or without facts (`imds`).
void add_bootstrap_dns(Resolved& resolved, const Json& imds);

// The keys that are given although no step of this version acts on them: storage, proxies or name servers
// would be lost without a word. A node does not start with them.
Problems keys_without_a_step(const Layer& merged);

// Everything that is missing or wrong, that of the layers first. `imds` are facts to hold the values
// against, or null. Throws Error (config_missing) if no layer says anything of a cluster. An image, which
// gets its cluster later, need not be `complete`.
Problems find_problems(
        const Resolved& resolved, const Json& imds, std::vector<Note>& notes, bool complete = true);

// The same, thrown as an Error (config_invalid).
void validate(const Resolved& resolved, const Json& imds, std::vector<Note>& notes);

} // namespace eks
