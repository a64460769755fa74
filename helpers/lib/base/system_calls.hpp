// SPDX-License-Identifier: Apache-2.0
// The system calls that a step may make. RestrictAddressFamilies= and its like cost 1 ms of CPU each on
// every unit, because the manager makes the filter anew in each child; this one is made by the compiler and
// loaded in microseconds. It also tells a datagram from a connection, which systemd's cannot: a step needs
// the journal's socket, and has no business at containerd's.
#pragma once

namespace eks {

struct SystemCallLimits {
        bool internet = false; // sockets of IPv4 and IPv6; netlink, by which libc learns of addresses
        bool connects = false; // connections to Unix sockets; datagrams are always allowed
};

// From here on this process and its children cannot make other sockets; have no namespaces, keys, tracing,
// mounts, modules or io_uring; and no memory that is writable and executable. What is refused fails with
// EPERM, or with EAFNOSUPPORT for sockets. Needs no_new_privs. False, with errno, if the kernel refuses.
bool limit_system_calls(const SystemCallLimits& limits);

} // namespace eks
