// SPDX-License-Identifier: Apache-2.0
// eks-nvidia-clocks: every GPU runs applications at its highest clocks, and stays initialised without one.
// Reads: NVIDIA's management library (NVML). Writes: settings of the GPUs, which last until the driver is
// unloaded. Again: the same settings.
#pragma once

#include <chrono>
#include <string>

#include "systemd/step.hpp"

namespace eks {

// By the library of that path, in a child that is left behind at the deadline. What a GPU does not support
// is left out. Throws Error (nvidia_clocks_failed).
void set_nvidia_clocks(Context& context, const std::string& nvml, std::chrono::milliseconds deadline);

} // namespace eks
