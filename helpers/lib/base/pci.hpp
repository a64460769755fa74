// SPDX-License-Identifier: Apache-2.0
// PCI devices as sysfs shows them: what decides whether steps for devices run at all.
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

// The numbers as in sysfs, such as "0x10de", in lower case.
struct PciDevice {
        std::string address; // "0000:00:1e.0"
        std::string vendor;
        std::string device;
        std::string subdevice; // "" if sysfs does not show it
        std::string kind;      // "0x030200": class, subclass, interface
};

// Devices of one vendor, sorted by address; none if there is no sysfs. Of other vendors' devices, one file
// is read.
std::vector<PciDevice> pci_devices(const Root& root, std::string_view vendor);

// GPUs of NVIDIA: classes 0300 and 0302. Its switches and audio functions have other classes.
std::vector<PciDevice> nvidia_gpus(const Root& root);

} // namespace eks
