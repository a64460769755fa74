// SPDX-License-Identifier: Apache-2.0
// Which implementation of iptables this machine uses.
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

struct Iptables {
        bool installed = false;
        bool legacy = false;                 // that program is the old implementation
        std::vector<std::string> old_tables; // of the old implementation that the kernel has in use

        // Packets go through the rules of both.
        bool mixed() const { return installed && !legacy && !old_tables.empty(); }
};

// Links and a file of /proc are read; nothing is run. Only root sees the tables.
Iptables find_iptables(const Root& root);

} // namespace eks
