// SPDX-License-Identifier: Apache-2.0
#include "checks/check_network.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/addresses.hpp"

namespace eks {

namespace {

constexpr std::size_t most_domains = 32;
constexpr std::size_t most_characters = 2048;

// resolved.conf(5), DNS=: an address, a port, an interface after '%', a server's name after '#'.
bool is_name_server(std::string_view text)
{
        text = text.substr(0, text.find('#'));
        text = text.substr(0, text.find('%'));
        if (is_address(text))
                return true;

        const auto colon = text.rfind(':');
        if (colon == text.npos || !parse_int<std::uint16_t>(text.substr(colon + 1)))
                return false;

        const auto address = text.substr(0, colon);
        if (address.starts_with('[') && address.ends_with(']'))
                return is_ipv6_address(address.substr(1, address.size() - 2));

        return is_address(address) && !is_ipv6_address(address);
}

// The same page, Domains=: "~." and "~example.com" only choose which server is asked.
bool is_search_domain(std::string_view text)
{
        if (text.starts_with('~'))
                text.remove_prefix(1);
        if (text == ".")
                return true;

        if (text.ends_with('.'))
                text.remove_suffix(1);
        static constexpr std::string_view of_labels =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        constexpr std::size_t longest_name = 253;
        constexpr std::size_t longest_label = 63;

        return text.size() <= longest_name &&
               std::ranges::all_of(split(text, '.'), [](std::string_view label) {
                       return !label.empty() && label.size() <= longest_label &&
                              label.find_first_not_of(of_labels) == label.npos;
               });
}

// A name, with the patterns of systemd.network(5), or a MAC address.
bool is_interface(std::string_view text)
{
        constexpr std::size_t longest_name = 15; // IFNAMSIZ, without the NUL
        constexpr std::size_t mac_length = 17;
        constexpr std::string_view hex = "0123456789abcdefABCDEF";

        const auto octets = split(text, ':');
        if (octets.size() == 6)
                return text.size() == mac_length && std::ranges::all_of(octets, [&](std::string_view octet) {
                        return octet.size() == 2 && octet.find_first_not_of(hex) == octet.npos;
                });

        const bool pattern = text.find_first_of("*?[") != text.npos;
        return !text.empty() && (pattern || text.size() <= longest_name) &&
               text.find_first_of("/:!% \t\"'") == text.npos && !has_control_characters(text);
}

} // namespace

void check_managed_interfaces(const HostSpec& host, const CheckReport& report)
{
        constexpr std::string_view key = "instance.network.managedInterfaces";
        for (const auto& name : host.managed_interfaces)
                if (!is_interface(name))
                        report.problem(key, name,
                                "is neither the name of a network interface nor a MAC address",
                                "Write a name such as ens6, a pattern such as ens*, or an address such as "
                                "0e:49:61:0f:c3:12");
}

void check_name_resolution(const HostSpec& host, const CheckReport& report)
{
        constexpr std::string_view servers_key = "instance.network.nameservers";
        for (const auto& server : host.name_servers)
                if (!is_name_server(server))
                        report.doubt(servers_key, server,
                                "not an IP address; systemd-resolved ignores it: write an address such as "
                                "10.0.0.2, or 10.0.0.2:5353 with a port");
        constexpr std::string_view domains_key = "instance.network.domains";
        const auto& domains = host.search_domains;
        std::size_t characters = 0;

        for (const auto& domain : domains) {
                characters += domain.size() + 1;
                if (!is_search_domain(domain))
                        report.doubt(domains_key, domain,
                                "not a domain name; systemd-resolved ignores it: write a name such as "
                                "corp.example.com");
        }

        if (domains.size() > most_domains || characters > most_characters + 1)
                report.doubt(domains_key, fmt::format("{} domains", domains.size()),
                        fmt::format("kubelet passes {} domains with {} characters on to pods, and no more: "
                                    "write those first that pods need",
                                most_domains, most_characters));
}

} // namespace eks
