// SPDX-License-Identifier: Apache-2.0
// eks-neuron: the kernel driver of AWS's Neuron devices is loaded and its device nodes exist before
// containerd starts.
// Reads: sysfs, /dev. Writes: nothing; the driver and udev make the nodes. Again: nothing is loaded that is.
#pragma once

#include <vector>

#include "base/pci.hpp"
#include "systemd/start_unit.hpp"
#include "systemd/step.hpp"

namespace eks {

// Throws Error (neuron_driver_failed).
void load_neuron(Context& context, const std::vector<PciDevice>& devices, const StartUnit& start,
        std::chrono::milliseconds deadline);

} // namespace eks
