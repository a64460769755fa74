// SPDX-License-Identifier: Apache-2.0
// The checks of kubelet.flags.
#pragma once

#include "checks/check_labels.hpp"
#include "checks/check_report.hpp"
#include "config/kubelet_flags.hpp"

namespace eks {

// The labels in the flags go to `labels`, which knows the others of the node.
void check_kubelet_flags(const KubeletFlags& flags, LabelChecks& labels, const CheckReport& report);

} // namespace eks
