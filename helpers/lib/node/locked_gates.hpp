// SPDX-License-Identifier: Apache-2.0
// The feature gates that Kubernetes 1.32 to 1.37 lock to their default. With another value kubelet does not
// start; once the gate has been dropped, kubelet does not start with any value.
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
        std::string text; // the gate and the reason
        bool certain;     // tried: this kubelet refuses it
};

// Settings of the user against a lock, in kubelet.config or kubelet.flags. Without a version: for any
// kubelet.
std::vector<GateConflict> locked_gate_conflicts(const NodeSpec& spec, const std::optional<Version>& kubelet);

} // namespace eks
