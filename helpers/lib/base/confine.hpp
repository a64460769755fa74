// SPDX-License-Identifier: Apache-2.0
// A step confines itself before it reads any input. A mount namespace made by the manager costs 50 ms a
// unit; Landlock and a system call filter cost microseconds.
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

// What a step may touch, as paths of a node. A directory includes everything below it.
struct Access {
        std::vector<std::string> reads;
        std::vector<std::string> writes;       // directories; made if missing; read and written below
        std::vector<std::string> devices = {}; // opened for reading and writing; not made if missing
        std::vector<std::string> changes = {}; // directories as in `writes`, but not made if missing
        // Directories beside /usr whose files the programs may read and run, as hooks.
        std::vector<std::string> of_programs = {};
        // Asks the manager, by the connection of Step::connect. That needs no capability: it trusts
        // processes of root, which may restart and mount.
        bool asks_manager = false;
        bool administers = false;     // the kernel or a driver requires CAP_SYS_ADMIN
        bool runs_programs = false;   // may execute programs below /usr, which may read /proc and /sys
        bool loads_libraries = false; // may load shared libraries after its start
        // Its programs change modes, owners, times or extended attributes of files.
        bool changes_attributes = false;
        bool internet = false; // may make sockets of IPv4 and IPv6
        // May connect to any Unix socket, as containerd's, which is as much as being root. Step::connect
        // opens one before.
        bool connects = false;
        bool makes_devices = false; // may make and remove nodes in /dev, with CAP_MKNOD
        bool swaps = false;         // may turn swap on and off, with CAP_SYS_ADMIN
};

// From here on this process and its children can open nothing else, make no other sockets, and have no
// capability but CAP_SYS_ADMIN and CAP_MKNOD if it declares that it needs them. Returns what failed
// and why (an old kernel, a container that rejects Landlock), empty if everything succeeded. Throws Error
// (file_io) if a directory to write cannot be made. With a prefix, as in tests, capabilities stay and system
// calls are not limited, because its files may belong to any user, and a tracer or valgrind may be in use.
// Throws Error (confinement_failed) if the capabilities are still there afterwards.
std::string confine(const Root& root, const Access& access);

// The version of Landlock that the kernel has; 0 without Landlock.
long landlock_abi();

} // namespace eks
