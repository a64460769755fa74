// SPDX-License-Identifier: Apache-2.0
// The table of the steps that render files, which `eksnode plan`, `eksnode apply` and the steps that run
// others again use. Whether a step is needed is in steps/gates.cpp, the order of the steps in their units.
#pragma once

#include <span>
#include <string_view>

#include "node/node.hpp"
#include "systemd/step.hpp"

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
