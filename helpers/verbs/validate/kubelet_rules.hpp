// SPDX-License-Identifier: Apache-2.0
// The rules of kubelet's validation about values and their combinations. Source: Kubernetes,
// pkg/kubelet/apis/config/validation, pkg/kubelet/eviction, pkg/kubelet/cm and cmd/kubelet/app.
#pragma once

#include <vector>

#include "verbs/validate/kubelet_schema.hpp"

namespace eks {

// Adds what kubelet 1.`minor` refuses. A rule about a field of a wrong type, which check_types() has added,
// is left out.
void check_rules(const KubeletSchema& schema, const Json& config, unsigned minor,
        std::vector<KubeletFinding>& findings);

} // namespace eks
