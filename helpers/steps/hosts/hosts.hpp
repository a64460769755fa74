// SPDX-License-Identifier: Apache-2.0
// eks-hosts: writes the addresses of a local cluster's API server to /etc/hosts, so that the node can reach
// it while the Outpost is disconnected from the Region and its DNS. Reads: /run/eks/node.json, resolv.conf,
// /etc/hosts.
// Writes: a marked block of /etc/hosts. Again: the same addresses, the same file; without DNS the existing
// block is kept.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "node/hosts_block.hpp"
#include "systemd/step.hpp"

namespace eks {

// The text of a hosts(5) file with one block of ours, in the place of earlier ones or at the end; every
// other byte is kept.
std::string with_block(
        std::string_view text, std::string_view host, const std::vector<std::string>& addresses);

// The same text without our blocks.
std::string without_block(std::string_view text);

struct HostsWorld {
        std::function<std::vector<std::string>(const std::string& host)> lookup; // throws Error
        std::function<void(std::chrono::milliseconds)> sleep;
};

// Six tries, 200, 400, 800, 1600 and 3200 ms apart, each up to 100 ms more (AWS SDK's standard back-off, as
// nodeadm has it), for 40 s at most. Throws Error (host_unresolved) if all fail and no line of the file
// names the host, (file_io).
void update_hosts(Context& context, const std::string& endpoint, const HostsWorld& world);

// For a node that does not belong to a local cluster (any longer): remove our block.
void remove_hosts(Context& context);

} // namespace eks
