// SPDX-License-Identifier: Apache-2.0
// Labels of NVIDIA devices in the words of GPU Feature Discovery, from sysfs, what the driver says in /proc,
// and NVIDIA's management library where it is installed. Names: its page "Generated labels".
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "base/step.hpp"
#include "node/registration.hpp"

namespace eks {

// Where the management library (NVML) is installed; empty if it is not. Below a root prefix it is not looked
// for: nothing of a foreign tree is run.
std::string nvml_library(const Root& root);

// nvidia.com/…; none without a device. `nvml` is the path of the library, empty to do without: then the
// memory, the compute capability and the CUDA version are not known. A library that cannot be used is noted.
// It is asked by a child, which is left behind at the deadline: a driver that hangs costs seconds, not the
// node.
Labels gpu_labels(const Root& root, const std::string& nvml, std::vector<Note>& notes,
        std::chrono::milliseconds deadline = std::chrono::seconds(
                15)); // half of the step's; eight GPUs take some

} // namespace eks
