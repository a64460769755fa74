// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eks {

// An address range that has been checked: "10.100.0.0/16", "fd00::/108".
class Cidr {
public:
        const std::string& text() const { return text_; }
        bool ipv6() const { return ipv6_; }

        // The address EKS gives to the cluster's DNS service: the tenth of an IPv4 range's first /24, or
        // ::a.
        std::string dns_address() const;

        // The range's first address, and whether text() begins with it.
        std::string first_address() const;
        bool aligned() const;

private:
        friend std::optional<Cidr> parse_cidr(std::string_view text);
        Cidr(std::string text, bool ipv6) : text_(std::move(text)), ipv6_(ipv6) {}

        std::string text_;
        bool ipv6_;
};

std::optional<Cidr> parse_cidr(std::string_view text);

// Whether an address is in both; those of two families have none in common.
bool overlap(const Cidr& a, const Cidr& b);

// Which addresses a node has.
enum class IpFamily { ipv4, ipv6, dual_stack };

// "ipv4", "ipv6", "dual-stack"; nothing for any other word.
std::optional<IpFamily> parse_ip_family(std::string_view text);

// Whether a text is an address of either family.
bool is_address(std::string_view text);

// Whether a text is an IPv6 address.
bool is_ipv6_address(std::string_view text);

// The address of an interface for other machines: the first global one, else the first private one
// (fc00::/7, RFC 4193). Link-local and other special addresses do not count. Empty if there is none.
std::string reachable_ipv6(const std::vector<std::string>& addresses);

// host[:port] of a URL or of an image's name: a name or an IPv4 address, or an IPv6 address in brackets; the
// port is 1 to 65535.
bool is_authority(std::string_view text);

// https://host[:port][/path], with a host of name or address characters only.
bool is_https_url(std::string_view text);

} // namespace eks
