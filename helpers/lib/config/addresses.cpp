// SPDX-License-Identifier: Apache-2.0
#include "config/addresses.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdint>

#include "base/text.hpp"

namespace eks {

namespace {

bool is_word(unsigned char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '.' || c == '_';
}

// An address range as bits.
struct Range {
        int family;
        std::array<std::uint8_t, sizeof(in6_addr)> address;
        unsigned length;

        unsigned size() const { return family == AF_INET ? 32 : 128; }
        bool bit(unsigned i) const { return ((address[i / 8] >> (7 - i % 8)) & 1U) != 0; }

        std::string text() const
        {
                std::array<char, INET6_ADDRSTRLEN> buffer{};
                ::inet_ntop(family, address.data(), buffer.data(), buffer.size());
                return buffer.data();
        }
};

Range bits_of(const Cidr& cidr)
{
        const auto& text = cidr.text();
        const auto slash = text.find('/');
        Range range{.family = cidr.ipv6() ? AF_INET6 : AF_INET,
                .address = {},
                .length = parse_int<unsigned>(std::string_view(text).substr(slash + 1)).value_or(0)};
        ::inet_pton(range.family, text.substr(0, slash).c_str(), range.address.data());
        return range;
}

Range first_of(Range range)
{
        for (unsigned i = range.length; i < range.size(); ++i)
                range.address[i / 8] &= static_cast<std::uint8_t>(~(1U << (7 - i % 8)));
        return range;
}

} // namespace

std::optional<Cidr> parse_cidr(std::string_view text)
{
        const auto slash = text.find('/');
        if (text.find('\0') != text.npos) // C functions would read only the part before it
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

std::string Cidr::first_address() const
{
        return first_of(bits_of(*this)).text();
}

bool Cidr::aligned() const
{
        const auto range = bits_of(*this);
        return first_of(range).address == range.address;
}

bool overlap(const Cidr& a, const Cidr& b)
{
        if (a.ipv6() != b.ipv6())
                return false;

        const auto left = bits_of(a);
        const auto right = bits_of(b);
        for (unsigned i = 0; i < std::min(left.length, right.length); ++i)
                if (left.bit(i) != right.bit(i))
                        return false;

        return true;
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

        auto global = first_in(0xe0, 0x20); // 2000::/3, the range that RFC 4291 and IANA assign
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
