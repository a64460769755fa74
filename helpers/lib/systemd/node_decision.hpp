// SPDX-License-Identifier: Apache-2.0
// What eks-node-generator has decided about this machine, for the commands that start the node or show it.
#pragma once

#include <string>
#include <string_view>

#include "base/root.hpp"

namespace eks {

class Manager;

// The package creates it when it is first installed on a running machine. A reboot removes it.
inline constexpr std::string_view installed_marker = "/run/eks/installed";

// In the generator's directory, on a machine that is not a node: the reason and the remedy as a line of
// text. There is none if only the kind of machine decides. systemd ignores a file of this name.
inline constexpr const char* decision_file = "eks-node.decision";

// Whether the generator has made this machine a node.
bool is_chosen_as_node(const Root& root);

// Why it has not, and what to do: "eks.node=0 is on the kernel command line; remove it and reboot".
std::string why_not_a_node(const Root& root);

// A remedy for errors that name it.
inline constexpr const char* see_decision = "eks-node-generator(8) describes what decides";

// "this machine is not a node: <why>" if that is why eks-node.target cannot be started: kubelet.service,
// which the generator links on nodes only, is not there. Otherwise "", for instance if it is of another
// package.
std::string why_node_cannot_start(Manager& manager, const Root& root);

} // namespace eks
