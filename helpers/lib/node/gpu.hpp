// SPDX-License-Identifier: Apache-2.0
// Labels of NVIDIA devices as of GPU Feature Discovery, from sysfs, the driver's files in /proc, and
// NVIDIA's management library if installed. Names: its page "Generated labels".
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "base/step_plan.hpp"
#include "node/nvml.hpp"
#include "node/registration.hpp"

namespace eks {

// nvidia.com/…; none without a device. `nvml` is the path of the library, empty to do without: then the
// memory, the compute capability and the CUDA version are not known. A library that cannot be used is noted.
// A child calls it, and is abandoned at the deadline, so a driver that hangs delays the node only for
// seconds.
Labels gpu_labels(const Root& root, const std::string& nvml, std::vector<Note>& notes,
        std::chrono::milliseconds deadline = std::chrono::seconds(
                15)); // half of the step's; eight GPUs take some

} // namespace eks
