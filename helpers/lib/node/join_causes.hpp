// SPDX-License-Identifier: Apache-2.0
// What kubelet's words about the cluster mean: why a node does not register, or is not Ready, and what to
// change.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"

namespace eks {

struct JoinCause {
        std::string_view code;               // "unauthorized"
        std::vector<std::string_view> texts; // one of them is in the message
        std::string_view change;             // "": it passes by itself
};

// The first that fits; nullptr if none does.
const JoinCause* find_join_cause(std::string_view message);

// Who kubelet is for the cluster. Each is "" if it is not known.
struct NodeIdentity {
        std::string role;     // its ARN, "arn:aws:iam::111122223333:role/NAME", without the role's path
        std::string username; // "system:node:NAME"
};

// Of an instance with this role: its account is in /run/eks/imds.json, the node's name in kubelet's
// arguments.
NodeIdentity node_identity(const Root& root, std::string_view role);

// The code of a cause that is about the identity.
inline constexpr std::string_view unauthorized = "unauthorized";

// What to change, with the identity where that is what the cluster does not know.
std::string change_for(const JoinCause& cause, const NodeIdentity& identity);

// The message of a condition in kubelet's line "Node became not ready"; "" if it has none.
std::string not_ready_message(std::string_view line);

} // namespace eks
