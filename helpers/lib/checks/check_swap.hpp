// SPDX-License-Identifier: Apache-2.0
// Whether kubelet's configuration fits the key `swap`.
#pragma once

#include "checks/check_report.hpp"
#include "config/host_spec.hpp"
#include "config/kubelet_spec.hpp"

namespace eks {

// With swap kubelet does not start unless failSwapOn is false.
void check_swap(const HostSpec& host, const KubeletSpec& kubelet, const CheckReport& report);

} // namespace eks
