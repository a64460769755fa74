// SPDX-License-Identifier: Apache-2.0
// The block of eks-hosts in /etc/hosts, for that step, for eks-config, which opens its gate, and for
// `eksnode apply`.
#pragma once

#include <string>
#include <string_view>

namespace eks {

inline constexpr std::string_view hosts_path = "/etc/hosts";
inline constexpr std::string_view hosts_block_begin =
        "# BEGIN eksnode: the API server, see eks-hosts.service(8)";
inline constexpr std::string_view hosts_block_end = "# END eksnode";

// The host of an https URL, without port and path; empty if it is an address, which needs no entry.
std::string endpoint_host(std::string_view url);

// Whether any line of a hosts(5) file names the host.
bool names_host(std::string_view text, std::string_view host);

} // namespace eks
