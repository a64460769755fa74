// SPDX-License-Identifier: Apache-2.0
// Kernel parameters in the configuration: the key `sysctl`, of a profile or of any layer.
#pragma once

#include <string>
#include <vector>

#include "document/layer.hpp"

namespace eks {

struct Sysctl {
        std::string name;  // path below /proc/sys: "net/ipv4/ip_forward"
        std::string value; // one line
        std::string key;   // as the configuration has it: "sysctl.net.ipv4.ip_forward"
        Where where;
        bool of_profile = false; // set by the profile and by nothing above it

        bool operator==(const Sysctl&) const = default;
};

// The parameters of a configuration, sorted by name. Invalid names and values go to `problems`, and also
// values with which kubelet does not start. Sources: sysctl.d(5) for names; for kubelet's demands its
// protectKernelDefaults and the kernel tunables in its container manager.
std::vector<Sysctl> sysctls(const Json& tree, const Marks& marks, Problems& problems);

} // namespace eks
