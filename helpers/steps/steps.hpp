// SPDX-License-Identifier: Apache-2.0
// The steps that render files, one line each: `eksnode plan`, `eksnode apply`, and the steps that run others
// again know them from here. What only the boot has to know of a step (order, conditions) is in its unit.
#pragma once

#include <span>
#include <string_view>

#include "base/step.hpp"
#include "node/node.hpp"

namespace eks {

// What becomes of a step of a running node when eks-config closes its gate.
enum class Closing {
        never,      // it has no gate
        runs_first, // it runs once more, which removes its files, and is stopped
        stops,      // its gate stays open as long as there is something to take away: it is only stopped
};

struct StepInfo {
        std::string_view name; // "eks-ca"
        StepPlan (*plan)(const NodeInputs& node);
        Access (*access)();
        ClusterNeed need = ClusterNeed::as_configured; // what `plan` has to know of the cluster
        Closing closing = Closing::never;

        std::string_view gate() const { return name.substr(4); } // "ca"
};

// Sorted by name, without eks-config, on which all of them rest.
std::span<const StepInfo> planned_steps();

// What a program may touch that plans them again: it reads what they and eks-config read and write.
Access access_to_plan();

} // namespace eks
