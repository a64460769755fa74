// SPDX-License-Identifier: Apache-2.0
// The checks of kubelet.flags.
#pragma once

#include <span>
#include <string>

#include "checks/check_labels.hpp"
#include "checks/check_report.hpp"
#include "config/kubelet_flags.hpp"

namespace eks {

// `flags` are those in the items of kubelet.flags; the labels among them go to `labels`, which knows the
// others of the node.
void check_kubelet_flags(std::span<const std::string> items, std::span<const KubeletFlag> flags,
        LabelChecks& labels, const CheckReport& report);

} // namespace eks
