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

// What is looked for. Each list is sorted by address; all are empty if there is no sysfs.
struct KnownDevices {
        std::vector<PciDevice>
                nvidia_gpus;           // classes 0300 and 0302: switches and audio functions have others
        std::vector<PciDevice> neuron; // accelerators of inf1, trn1, inf2 and trn2
        std::vector<PciDevice> efa;    // Elastic Fabric Adapters
};

// Of devices of other vendors, one file is read.
KnownDevices known_devices(const Root& root);

} // namespace eks
