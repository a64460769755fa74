// SPDX-License-Identifier: Apache-2.0
// eks-efa: the kernel driver of Elastic Fabric Adapters is loaded, and huge pages are set aside for them,
// before kubelet counts those.
// Reads: sysfs, /proc/meminfo. Writes: the number of huge pages of the kernel. Again: nothing.
#pragma once

#include <vector>

#include "base/pci.hpp"
#include "systemd/start_unit.hpp"
#include "systemd/step.hpp"

namespace eks {

// Pages of 2 MiB: as many as EKS's own images set aside, but at most a sixteenth of the memory.
unsigned efa_huge_pages(std::uint64_t memory_kib);

// Throws Error (efa_driver_failed).
void load_efa(Context& context, const std::vector<PciDevice>& devices, const StartUnit& start,
        std::chrono::milliseconds deadline);

// More than there are; never fewer, for an admin may have asked for more. The kernel gives what it has.
void set_huge_pages(Context& context);

} // namespace eks
