// SPDX-License-Identifier: Apache-2.0
// systemd-networkd over D-Bus: the calls that eks-interface makes.
#pragma once

#include <memory>
#include <string>

#include <systemd/sd-bus.h>

#include "base/fd.hpp"

namespace eks {

class Networkd {
public:
        // Asks the manager whether it runs, and connects to D-Bus if so. Throws Error (manager_unreachable).
        Networkd();

        bool runs() const { return runs_; }

        // Both throw Error (daemon_refused), also if D-Bus was not reached. The .network file by which it
        // configures an interface; "" if there is none.
        std::string network_file(const std::string& interface);

        // It reads its files again, and configures the interfaces whose files have changed.
        void reload();

private:
        sd_bus* bus() const;

        bool runs_;
        int refusal_ = 0; // of D-Bus
        std::unique_ptr<sd_bus, Deleter<sd_bus_flush_close_unref>> bus_;
};

} // namespace eks
