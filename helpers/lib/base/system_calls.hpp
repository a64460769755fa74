// SPDX-License-Identifier: Apache-2.0
// The system calls that a step may make. RestrictAddressFamilies= and its like cost 1 ms of CPU each on
// every unit, because the manager builds the filter in each child. This one is built by the compiler and
// loaded in microseconds. Unlike systemd's, it distinguishes a datagram from a connection: a step needs the
// journal's socket, but not containerd's.
#pragma once

namespace eks {

struct SystemCallLimits {
        bool internet = false; // sockets of IPv4 and IPv6; netlink, by which libc learns of addresses
        bool connects = false; // connections to Unix sockets; datagrams are always allowed
        bool swaps = false;    // swapon() and swapoff()
};

// From here on this process and its children cannot make other sockets; have no namespaces, keys, tracing,
// mounts, modules or io_uring; and no memory that is writable and executable. Refused calls fail with EPERM,
// or with EAFNOSUPPORT for sockets. Needs no_new_privs. False, with errno, if the kernel refuses.
bool limit_system_calls(const SystemCallLimits& limits);

} // namespace eks
