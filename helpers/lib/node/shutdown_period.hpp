// SPDX-License-Identifier: Apache-2.0
// How long kubelet keeps the machine up for its pods when it is shut down.
#pragma once

#include <chrono>
#include <optional>

#include "document/layer.hpp"

namespace eks {

// What dropins/logind.conf.d/50-eks.conf gives logind: our own default of kubelet's shutdownGracePeriod.
inline constexpr std::chrono::seconds default_shutdown_period{150};

// What kubelet asks logind for with these settings of a KubeletConfiguration, whole seconds, at most a day.
// Nothing if they say nothing of it or turn it off, and for what kubelet will refuse.
std::optional<std::chrono::seconds> shutdown_period(const Json& kubelet_config);

// The same, but nothing for the default, which logind has already.
std::optional<std::chrono::seconds> other_shutdown_period(const Json& kubelet_config);

} // namespace eks
