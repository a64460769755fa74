// SPDX-License-Identifier: Apache-2.0
// The checks of kubelet.config and kubelet.reservations.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "checks/check_report.hpp"
#include "config/kubelet_spec.hpp"

namespace eks {

// Of kubelet.config all but the taints.
void check_kubelet_config(const KubeletSpec& kubelet, const CheckReport& report);

// kubelet.reservations, and the configuration and flags that must match it.
void check_reservations(const KubeletSpec& kubelet, const CheckReport& report);

// A number of pods; `value` is the value of `key`, and `pods` is nothing if that is not a number.
void check_max_pods(std::string_view key, std::string_view value, std::optional<std::int64_t> pods,
        const CheckReport& report);

} // namespace eks
