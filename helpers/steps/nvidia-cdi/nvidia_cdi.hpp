// SPDX-License-Identifier: Apache-2.0
// eks-nvidia-cdi: has nvidia-cdi.service write the CDI specification of NVIDIA's GPUs, and says if it fails.
// Reads: the manager's state. Writes: nothing itself. Again: the specification is written again.
#pragma once

#include <chrono>

#include "systemd/manager.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr const char* nvidia_cdi_unit = "nvidia-cdi.service";

// Throws Error: nvidia_cdi_failed, manager_unreachable.
void write_cdi(Context& context, Manager& manager, std::chrono::milliseconds deadline);

} // namespace eks
