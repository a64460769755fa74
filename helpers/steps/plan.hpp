// SPDX-License-Identifier: Apache-2.0
// eksnode plan: from configuration and facts to the exact file set, offline. The steps at boot run the same
// code.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/sources.hpp"
#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

// The files of one step, or its error. A step that needs an answer of EKS that is not known yet has no
// files.
struct PlannedStep {
        std::string_view name;
        StepPlan plan;
        std::optional<Error> error;
        Problems problems = {};  // what the error says, one by one
        bool of_machine = false; // the error is about this machine
};

// The steps that write files, in the order of the chain. If one fails, the others are still planned, as on a
// node.
std::vector<PlannedStep> plan_steps(const NodeInputs& node);

// The files of eks-config, which is the first step, and of the following ones. Values of the cluster that
// the configuration lacks are taken from the answer of EKS (`described`), else from cluster.json if it is
// about this cluster. Messages about facts name `imds_source`. Throws Error (config_missing,
// config_invalid).
std::vector<PlannedStep> plan_node(const Root& root, Resolved resolved, const Json& imds,
        const Versions& versions, const std::optional<Json>& described = {},
        std::string_view imds_source = imds_path);

// "path mode size sha256 step", a line each, sorted by path. Links show their target instead of a digest.
std::string list_files(const std::vector<PlannedStep>& steps);

// Write every planned file below a directory, with its mode. Throws Error (file_io).
void write_files(const std::vector<PlannedStep>& steps, const std::string& directory);

} // namespace eks
