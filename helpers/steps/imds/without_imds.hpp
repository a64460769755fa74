// SPDX-License-Identifier: Apache-2.0
// The files of eks-imds on a machine whose metadata service is off.
#pragma once

#include <optional>
#include <string>

#include "base/root.hpp"
#include "base/step_plan.hpp"
#include "steps/imds/local_facts.hpp"

namespace eks {

// Facts and user data from this machine and its configuration. `off` says why the service is not asked, and
// `remedy` how to turn it on; if `off` is empty, the result is nothing unless the configuration says that
// the service is off. Throws Error (imds_off) if nothing names a cluster, or the instance's id or region is
// not known: a node does not start half configured. Throws what resolve_node_layers() throws.
std::optional<StepPlan> plan_without_imds(
        const Root& root, const KernelFacts& kernel, const std::string& off, const std::string& remedy = {});

// Whether the files of this boot are the service's answers. They stay if it is off later.
bool has_answers_of_service(const Root& root);

} // namespace eks
