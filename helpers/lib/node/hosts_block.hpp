// SPDX-License-Identifier: Apache-2.0
// The marks of eks-hosts' block in /etc/hosts, known to that step and to eks-config, which opens its gate.
#pragma once

#include <string_view>

namespace eks {

inline constexpr std::string_view hosts_path = "/etc/hosts";
inline constexpr std::string_view hosts_block_begin =
        "# BEGIN eksnode: the API server, see eks-hosts.service(8)";
inline constexpr std::string_view hosts_block_end = "# END eksnode";

} // namespace eks
