// SPDX-License-Identifier: Apache-2.0
// Addresses of a host from DNS only. getaddrinfo() and systemd-resolved read /etc/hosts first, so a program
// that writes that file would only get its own earlier entries.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace eks {

struct NameServer {
        std::string address; // IPv4 or IPv6
        unsigned short port = 53;

        bool operator==(const NameServer&) const = default;
};

inline constexpr std::string_view dns_remedy = "Check the VPC's DNS and /etc/resolv.conf";

// The servers that a resolv.conf(5) names, at most three; 127.0.0.1 if it names none, as libc has it.
std::vector<NameServer> name_servers(std::string_view resolv_conf);

// Every address of the host, IPv4 first, sorted. The servers are asked in turn, each for at most `timeout`;
// the first that answers counts. Throws Error (host_unresolved) if none does, or if there is no such host.
std::vector<std::string> lookup_addresses(
        const std::string& host, const std::vector<NameServer>& servers, std::chrono::milliseconds timeout);

} // namespace eks
