// SPDX-License-Identifier: Apache-2.0
// eksnode plan: from configuration and facts to the exact file set, offline. The steps at boot run the same
// code.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/step.hpp"
#include "config/sources.hpp"
#include "node/node.hpp"

namespace eks {

// What one step would write, or why it cannot. One that needs what EKS has not said yet writes nothing.
struct PlannedStep {
        std::string_view name;
        StepPlan plan;
        std::optional<Error> error;
};

// The steps that write files, in the order of the chain. One that fails does not keep the others from being
// planned, as on a node.
std::vector<PlannedStep> plan_steps(const NodeInputs& node);

// What eks-config, the first, and the steps behind it would write. What the configuration lacks of the
// cluster is taken from what EKS said (`described`), else from cluster.json, if that is about it. Throws
// Error (config_missing, config_invalid).
std::vector<PlannedStep> plan_node(const Root& root, Resolved resolved, const Json& imds,
        const Versions& versions, const std::optional<Json>& described = {});

// "path mode size sha256 step", a line each, sorted by path. Links show their target instead of a digest.
std::string list_files(const std::vector<PlannedStep>& steps);

// Write every planned file below a directory, with its mode. Throws Error (file_io).
void write_files(const std::vector<PlannedStep>& steps, const std::string& directory);

} // namespace eks
