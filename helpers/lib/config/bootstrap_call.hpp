// SPDX-License-Identifier: Apache-2.0
// User data of Amazon Linux 2: a shell script that calls /etc/eks/bootstrap.sh. The call is read, not run.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/layer.hpp"

namespace eks {

inline constexpr std::string_view bootstrap_path = "/etc/eks/bootstrap.sh";

// What the call says, as a layer; nothing if the script has no call, is no shell script, or only asks for
// --help.
//
// Options and, where the call would have seen them, the environment variables of their names. $NAME and
// ${NAME} stand for what a plain assignment above the call gave them; one under a condition is as unknown as
// a command substitution. A call counts wherever it stands, under a condition too; two calls must say the
// same. What has no meaning today becomes a note. Throws Error (config_invalid) naming every value that is
// malformed, contradictory, or needed and known only once the script runs.
//
// What the call leaves open, bootstrap.sh asked DescribeCluster or derived, and the caller must see to:
//  - cluster.apiServerEndpoint and cluster.certificateAuthority are absent unless both were given.
//  - cluster.cidr comes from --service-ipv6-cidr or --service-ipv4-cidr only, the latter unless --ip-family
//    is ipv6. It may stay absent as long as kubelet.config.clusterDNS (from --dns-cluster-ip) is there.
//  - with neither, the cluster is IPv4, and add_bootstrap_dns() does as bootstrap.sh did.
std::optional<Layer> parse_bootstrap_call(std::string_view script, const std::string& source);

} // namespace eks
