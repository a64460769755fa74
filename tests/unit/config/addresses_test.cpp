// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/addresses.hpp"

using namespace eks;
using namespace std::string_view_literals;

TEST_CASE("An address range parses whole or not at all", "[network]")
{
        for (const auto text :
                {"10.100.0.0/16", "0.0.0.0/0", "255.255.255.255/32", "172.20.0.0/16", "192.168.1.1/24"}) {
                CAPTURE(text);
                const auto cidr = parse_cidr(text);
                REQUIRE(cidr);
                CHECK(cidr->text() == text);
                CHECK_FALSE(cidr->ipv6());
        }

        for (const auto text : {"fd00::/108", "::/0", "fd30:1c53:5f8a::/108", "::1/128"}) {
                CAPTURE(text);
                const auto cidr = parse_cidr(text);
                REQUIRE(cidr);
                CHECK(cidr->ipv6());
        }

        for (const auto text : {""sv, "/"sv, "/16"sv, "10.100.0.0"sv, "10.100.0.0/"sv, "10.100.0.0/33"sv,
                     "10.100.0.0/-1"sv, "10.100.0.0/+8"sv, "10.100.0.0/1x"sv, "10.100.0.0/16/8"sv,
                     "10.100.0/16"sv, "10.100.0.256/16"sv, "010.100.0.0/16"sv, " 10.100.0.0/16"sv,
                     "10.100.0.0/16 "sv, "10.100.0.0/16\n"sv, "fd00::/129"sv, "fd00:::/64"sv,
                     "fd00::%eth0/64"sv, "gd00::/64"sv, "banana"sv, "banana/16"sv, "10.100.0.0\0/16"sv,
                     "10.0.0.0\0evil/8"sv, "fd00::\0/64"sv, "10.0.0.0/99999999999"sv}) {
                CAPTURE(text);
                CHECK_FALSE(parse_cidr(text));
        }
}

TEST_CASE("The cluster's DNS address is the tenth of the range", "[network]")
{
        struct Row {
                std::string_view cidr;
                std::string_view dns;
        };
        const auto row = GENERATE(values<Row>({{"10.100.0.0/16", "10.100.0.10"},
                {"172.20.0.0/16", "172.20.0.10"}, {"192.168.252.0/22", "192.168.252.10"},
                {"10.100.0.5/16", "10.100.0.10"}, {"fd00::/108", "fd00::a"}, {"fc00::/7", "fc00::a"},
                {"fd30:1c53:5f8a::/108", "fd30:1c53:5f8a::a"}}));
        CAPTURE(row.cidr);
        CHECK(parse_cidr(row.cidr).value().dns_address() == row.dns);
}

TEST_CASE("An endpoint is an https URL with a host, and nothing that could mean more", "[network]")
{
        for (const auto text : {"https://example.com", "https://example.com/", "https://example.com:443",
                     "https://10.0.0.1:6443/",
                     "https://0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com",
                     "https://[fd00::1]:443/path", "https://[::1]", "https://host/a/b-c_d~e%20f",
                     "https://h:1", "https://h:65535"}) {
                CAPTURE(text);
                CHECK(is_https_url(text));
        }
        for (const auto text : {""sv, "https"sv, "https://"sv, "http://example.com"sv,
                     "HTTPS://example.com"sv, "example.com"sv, "ftp://example.com"sv, "https:///path"sv,
                     "https://:443"sv, "https://exa mple.com"sv, "https://example.com\n"sv,
                     "https://example.com/\n"sv, "https://user@example.com"sv, "https://example.com:"sv,
                     "https://example.com:0"sv, "https://example.com:65536"sv, "https://example.com:x"sv,
                     "https://example.com:4 43"sv, "https://[::1"sv, "https://[::g]"sv, "https://[]"sv,
                     "https://[::1]x"sv, "https://example.com/?a=b"sv, "https://example.com#x"sv,
                     "https://example.com/${x}"sv, "https://exämple.com"sv, "https://example.com\0"sv,
                     "https://[::1\0evil]"sv, " https://example.com"sv, "https://a\"b"sv,
                     "https://example.com:-1"sv}) {
                CAPTURE(text);
                CHECK_FALSE(is_https_url(text));
        }
}

TEST_CASE("The families have their names", "[network]")
{
        CHECK(parse_ip_family("ipv4") == IpFamily::ipv4);
        CHECK(parse_ip_family("ipv6") == IpFamily::ipv6);
        CHECK(parse_ip_family("dual-stack") == IpFamily::dual_stack);
        for (const auto* none : {"", "IPv4", "dualstack", "ipv4 "})
                CHECK_FALSE(parse_ip_family(none));
}

TEST_CASE("Of several IPv6 addresses the first global one counts, else the first private one", "[network]")
{
        using Texts = std::vector<std::string>;
        CHECK(reachable_ipv6({}).empty());
        CHECK(reachable_ipv6(Texts{"fe80::1", "2600::1", "2600::2"}) == "2600::1");
        CHECK(reachable_ipv6(Texts{"fd00::1", "3fff::1"}) == "3fff::1");
        CHECK(reachable_ipv6(Texts{"fe80::1", "fd00::1", "fc00::1"}) == "fd00::1");
        CHECK(reachable_ipv6(Texts{"fe80::1", "::", "::1", "ff02::1", "4000::1", "10.0.0.1", "x"}).empty());
        CHECK(is_ipv6_address("::1"));

        for (const auto* none : {"", "10.0.0.1", "::1/128", "[::1]"})
                CHECK_FALSE(is_ipv6_address(none));
}
