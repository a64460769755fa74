// SPDX-License-Identifier: Apache-2.0
// A step locks itself down before it reads any input: a mount namespace made by the manager costs 50 ms a
// unit, Landlock and a filter of system calls cost microseconds.
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
                false; // restarts, reloads or mounts: the manager wants to see CAP_SYS_ADMIN for that
        bool runs_programs = false; // may execute what is below /usr, and that may read /proc and /sys
        bool internet = false;      // may make sockets of IPv4 and IPv6
        bool connects = false; // may connect to a Unix socket, as containerd's; the manager's is implied
        bool makes_devices = false; // may make and remove nodes in /dev, with CAP_MKNOD
};

// From here on this process and its children can open nothing else, make no other sockets, and have no
// capability but the one the manager wants to see, and CAP_MKNOD if it makes devices. Returns what could not
// be done and why (an old kernel, a container that refuses Landlock), empty if all held. Throws only if a
// directory to write cannot be made. Below a prefix, as in tests, capabilities stay and the calls are not
// limited: its files may belong to anybody, and a tracer or valgrind may be at work.
std::string confine(const Root& root, const Access& access);

} // namespace eks
