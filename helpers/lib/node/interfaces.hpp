// SPDX-License-Identifier: Apache-2.0
// Network interfaces of the instance, by their MAC address. No two instances share an address, so the record
// of an interface is ignored on another instance that has the same disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"
#include "document/layer.hpp"

namespace eks {

// Who configures an interface. udev reads these files, by dropins/udev/90-eks.rules, on later boots.
inline constexpr std::string_view interface_records = "/var/lib/eks/interfaces/"; // a file for each MAC
inline constexpr std::string_view record_of_host = "EKS_INTERFACE=host\n";
inline constexpr std::string_view record_of_cni = "EKS_INTERFACE=cni\n";

// What the instance metadata says of one.
struct InterfaceFacts {
        unsigned device_number = 0;
        unsigned network_card = 0;
        std::string ipv4; // the first address
};

// From imds.json; nothing for an interface that was attached later.
std::optional<InterfaceFacts> interface_facts(const Json& imds, std::string_view mac);

// Whether the machine has interfaces besides the primary one that were not left to the CNI plugin on an
// earlier boot.
bool has_more_interfaces(const Root& root, const Json& imds);

} // namespace eks
