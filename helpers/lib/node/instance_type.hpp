// SPDX-License-Identifier: Apache-2.0
// What the network of an instance type allows.
#pragma once

namespace eks {

struct InstanceType {
        unsigned max_enis = 0;     // network interfaces of the default network card
        unsigned ipv4_per_eni = 0; // addresses of each, the primary one included
        unsigned vcpus = 0;        // 0: unknown
        bool nitro = false;        // its hypervisor; not on bare metal, where EC2 names none
};

} // namespace eks
