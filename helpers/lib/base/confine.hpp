// SPDX-License-Identifier: Apache-2.0
// A step locks itself down before it reads any input: a mount namespace made by the manager costs 50 ms a
// unit, Landlock costs microseconds.
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

// What a step may touch, as paths of a node. A directory stands for all below it.
struct Access {
        std::vector<std::string> reads;
        std::vector<std::string> writes;       // directories; made if missing; read and written below
        std::vector<std::string> devices = {}; // opened for reading and writing; not made if missing
        bool asks_manager =
                false; // restarts or reloads units: the manager wants to see CAP_SYS_ADMIN for that
        bool runs_programs = false; // may execute what is below /usr, and that may read /proc and /sys
};

// From here on this process can open nothing else, has no capabilities and can gain none. Returns what could
// not be done and why (an old kernel, a container that refuses Landlock), empty if all held. Throws only if
// a directory to write cannot be made.
std::string confine(const Root& root, const Access& access);

} // namespace eks
