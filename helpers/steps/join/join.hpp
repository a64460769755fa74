// SPDX-License-Identifier: Apache-2.0
// eks-join: watches kubelet's records in the journal until the node is Ready, and says what it waits for.
// Reads: the journal, the metadata service, and kubelet's healthz when it logs nothing. Writes:
// /run/eks/status.json. Starts eks-joined.target when the node is Ready, and stops it before. Again: watches
// again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "node/join_state.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr int status_schema = 1; // raised when a member changes its meaning

// {"schema": 1, "state": "not-registered", "code": "unauthorized", "cause": …, "change": …}, for other
// programs.
// `since`: when the wait began, in seconds since the boot; 0 if it is over.
std::string render_status(const JoinState& state, const NodeIdentity& identity = {}, std::int64_t since = 0);

// Watches until the node is Ready or the time is over. Throws Error (node_not_joined).
void watch_join(Context& context, std::chrono::seconds limit);

} // namespace eks
