// SPDX-License-Identifier: Apache-2.0
// Names in kubelet's configuration and flags that no version of kubelet has.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "verbs/validate/kubelet_schema.hpp"

namespace eks {

// The values of enforceNodeAllocatable.
inline constexpr std::array<std::string_view, 6> enforceable{"pods", "none", "system-reserved",
        "kube-reserved", "system-reserved-compressible", "kube-reserved-compressible"};

// Adds them, each with what may have been meant. kubelet ignores fields, and does not start with the others.
// `minor` of kubelet 1.N, if it is known.
void check_kubelet_names(const KubeletSchema& schema, const Json& config, const KubeletFlags& flags,
        std::optional<unsigned> minor, std::vector<KubeletFinding>& findings);

} // namespace eks
