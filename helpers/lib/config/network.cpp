// SPDX-License-Identifier: Apache-2.0
#include "config/network.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>

#include "base/text.hpp"

namespace eks {

namespace {

bool is_word(unsigned char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.' || c == '_';
}

} // namespace

std::optional<Cidr> parse_cidr(std::string_view text)
{
        const auto slash = text.find('/');
        if (text.find('\0') != text.npos) // C functions would see the front part only
                return std::nullopt;
        if (slash == text.npos)
                return std::nullopt;
        const std::string address(text.substr(0, slash));
        const auto bits = parse_int<unsigned>(text.substr(slash + 1));
        std::array<unsigned char, sizeof(in6_addr)> parsed{};
        if (!bits)
                return std::nullopt;
        if (*bits <= 32 && ::inet_pton(AF_INET, address.c_str(), parsed.data()) == 1)
                return Cidr(std::string(text), false);
        if (*bits <= 128 && ::inet_pton(AF_INET6, address.c_str(), parsed.data()) == 1)
                return Cidr(std::string(text), true);
        return std::nullopt;
}

std::string Cidr::dns_address() const
{
        if (ipv6_)
                return text_.substr(0, text_.find('/')) + "a";
        return text_.substr(0, text_.rfind('.')) + ".10";
}

std::optional<IpFamily> parse_ip_family(std::string_view text)
{
        if (text == "ipv4")
                return IpFamily::ipv4;
        if (text == "ipv6")
                return IpFamily::ipv6;
        return text == "dual-stack" ? std::optional(IpFamily::dual_stack) : std::nullopt;
}

bool is_address(std::string_view text)
{
        in_addr parsed{};
        return is_ipv6_address(text) ||
               (text.find('\0') == text.npos &&
                       ::inet_pton(AF_INET, std::string(text).c_str(), &parsed) == 1);
}

bool is_ipv6_address(std::string_view text)
{
        in6_addr parsed{};
        return text.find('\0') == text.npos &&
               ::inet_pton(AF_INET6, std::string(text).c_str(), &parsed) == 1;
}

std::string reachable_ipv6(const std::vector<std::string>& addresses)
{
        const auto first_in = [&](unsigned mask, unsigned prefix) { // of the first octet
                const auto found = std::ranges::find_if(addresses, [&](const std::string& address) {
                        in6_addr parsed{};
                        return ::inet_pton(AF_INET6, address.c_str(), &parsed) == 1 &&
                               (parsed.s6_addr[0] & mask) == prefix;
                });
                return found != addresses.end() ? *found : std::string();
        };
        auto global = first_in(0xe0, 0x20); // 2000::/3, all that RFC 4291 and IANA have given out
        return global.empty() ? first_in(0xfe, 0xfc) : global;
}

bool is_authority(std::string_view text)
{
        std::string_view host = text;
        std::string_view port;
        if (host.starts_with('[')) { // an IPv6 address
                const auto end = host.find(']');
                if (end == host.npos || !is_ipv6_address(host.substr(1, end - 1)))
                        return false;
                port = host.substr(end + 1);
        } else {
                const auto colon = host.find(':');
                port = colon == host.npos ? std::string_view() : host.substr(colon);
                host = host.substr(0, colon);
                if (host.empty() || !std::ranges::all_of(host, is_word))
                        return false;
        }
        if (port.empty())
                return true;
        const auto number = port.starts_with(':') ? parse_int<unsigned>(port.substr(1)).value_or(0) : 0;
        return number >= 1 && number <= 65535;
}

bool is_https_url(std::string_view text)
{
        constexpr std::string_view scheme = "https://";
        if (!text.starts_with(scheme) || has_control_characters(text))
                return false;
        text.remove_prefix(scheme.size());
        const auto authority = text.substr(0, text.find('/'));
        const auto path = text.substr(authority.size());
        if (!std::ranges::all_of(
                    path, [](unsigned char c) { return is_word(c) || c == '/' || c == '~' || c == '%'; }))
                return false;
        return is_authority(authority);
}

} // namespace eks
