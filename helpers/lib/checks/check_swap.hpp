// SPDX-License-Identifier: Apache-2.0
// Whether kubelet's configuration fits the key `swap`.
#pragma once

#include <span>

#include "checks/check_report.hpp"
#include "config/kubelet_flags.hpp"

namespace eks {

// `tree` is that of all layers. With swap kubelet does not start unless failSwapOn is false.
void check_swap(const Json& tree, std::span<const KubeletFlag> flags, const CheckReport& report);

} // namespace eks
