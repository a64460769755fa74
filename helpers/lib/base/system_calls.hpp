// SPDX-License-Identifier: Apache-2.0
// The system calls that a step may make. RestrictAddressFamilies= and its like cost 1 ms of CPU each on
// every unit, because the manager builds the filter in each child. This one is built by the compiler and
// loaded in microseconds. Unlike systemd's, it distinguishes a datagram from a connection: a step needs the
// journal's socket, but not containerd's.
#pragma once

namespace eks {

struct SystemCallLimits {
        bool internet = false;        // sockets of IPv4 and IPv6; netlink, by which libc learns of addresses
        bool connects = false;        // connections to Unix sockets; datagrams are always allowed
        bool swaps = false;           // swapon() and swapoff()
        bool runs_programs = false;   // execve(), signals to other processes, executable mappings
        bool loads_libraries = false; // executable mappings
        bool changes_attributes = false; // modes, owners, times and extended attributes of files
        bool any_mode = false;           // files that are setuid or setgid
};

// From here on this process and its children cannot make other sockets; have no namespaces, keys, tracing,
// mounts, modules or io_uring; no memory that is writable and executable, and none from memfd_create(); and
// cannot signal, limit or schedule another process, or change what Landlock does not protect: attributes of
// files, by descriptor, too, and their length on kernels before 6.2. Refused calls fail with EPERM, or with
// EAFNOSUPPORT for sockets. Needs no_new_privs. False, with errno, if the kernel refuses.
bool limit_system_calls(const SystemCallLimits& limits);

} // namespace eks
