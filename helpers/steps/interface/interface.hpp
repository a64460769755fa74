// SPDX-License-Identifier: Apache-2.0
// eks-interface: decides whether the host or the CNI plugin configures a network interface, and configures
// that of the host.
// Reads: /run/eks/node.json, /run/eks/imds.json, /sys/class/net, udev's database; of an interface that was
// attached later, the instance metadata. Writes: /run/systemd/network/05-eks-NAME.network and
// /var/lib/eks/interfaces/MAC. Again: the same files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/interfaces.hpp"
#include "systemd/step.hpp"

namespace eks {

// An interface as the machine shows it.
struct Interface {
        std::string name;
        std::string mac;
        std::string marked; // udev's property EKS_INTERFACE: "host" or "cni"
};

enum class Keeper {
        primary, // as the distribution configures it
        host,
        cni,
};

// Whether instance.network.managedInterfaces names it: by a MAC address, or a pattern of names as in
// systemd.network(5).
bool is_named(const Interface& interface, const std::vector<std::string>& managed);

Keeper keeper_of(
        const Interface& interface, const std::vector<std::string>& managed, std::string_view primary_mac);

// networkd's configuration of an interface of the host, with the settings of nodeadm's.
std::string render_network(const Interface& interface, const InterfaceFacts& facts);

std::string network_path(const Interface& interface);

// The configuration, or its absence, and what is remembered for later boots. What was remembered of
// interfaces of the CNI plugin that `present` does not have any more is forgotten.
StepPlan plan_interface(const Root& root, const Interface& interface, Keeper keeper,
        const InterfaceFacts& facts, const std::vector<std::string>& present);

// networkd's answer about an interface that an admin configures: such a file is not overruled.
bool is_of_admin(std::string_view network_file);

} // namespace eks
