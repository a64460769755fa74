// SPDX-License-Identifier: Apache-2.0
// The feature gates that Kubernetes 1.32 to 1.37 lock to their default, with which kubelet does not start if
// they are set to another value; and those that 1.24 to 1.37 have removed, with which it does not start at
// all.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/node.hpp"

namespace eks {

struct LockedGate {
        std::string_view name;
        unsigned minor;    // locked since Kubernetes 1.N
        bool value = true; // to that
};

std::span<const LockedGate> locked_gates();

struct RemovedGate {
        std::string_view name;
        unsigned minor; // unknown to Kubernetes 1.N and later
};

std::span<const RemovedGate> removed_gates();

struct GateConflict {
        std::string text; // the gate and the reason
        bool certain;     // this kubelet refuses it
};

// Settings of the user against a lock, or of a removed gate, in kubelet.config or kubelet.flags, with their
// places. Without a version: for any kubelet.
std::vector<GateConflict> gate_conflicts(const NodeSpec& spec, const std::optional<Version>& kubelet);

} // namespace eks
