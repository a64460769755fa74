// SPDX-License-Identifier: Apache-2.0
// The feature gates that kubelet has locked to their default: with another value it does not start, and once
// it has dropped the gate it starts with none. Of those that Kubernetes 1.32 to 1.36 lock.
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

struct GateConflict {
        std::string text; // which gate, and why
        bool certain;     // a kubelet has been seen to refuse it
};

// What the user sets against a lock, in kubelet.config or kubelet.flags. Without a version: of any kubelet.
std::vector<GateConflict> locked_gate_conflicts(const NodeSpec& spec, const std::optional<Version>& kubelet);

} // namespace eks
