// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "fixture.hpp"
#include "steps/interface/interface.hpp"

using namespace eks;
using test::file_in;

namespace {

constexpr const char* primary = "0e:49:61:0f:c3:11";
const Interface second{.name = "ens6", .mac = "0e:49:61:0f:c3:12", .marked = "host"};
const Interface attached{.name = "ens7", .mac = "0e:49:61:0f:c3:13", .marked = "cni"};

const Json imds = Json::parse(R"({"mac": "0e:49:61:0f:c3:11", "interfaces": [
        {"mac": "0e:49:61:0f:c3:11", "deviceNumber": 0, "networkCard": 0, "localIpv4s": ["10.0.0.1"]},
        {"mac": "0e:49:61:0f:c3:12", "deviceNumber": 1, "networkCard": 1, "localIpv4s": ["10.0.0.2", "10.0.0.3"]}]})");

} // namespace

TEST_CASE("An interface is the host's if it was there before the node, or is named", "[interface]")
{
        const std::vector<std::string> none;
        CHECK(keeper_of({"ens5", primary, "host"}, none, primary) == Keeper::primary);
        CHECK(keeper_of({"ens5", primary, "cni"}, {"ens*"}, primary) == Keeper::primary);
        CHECK(keeper_of(second, none, primary) == Keeper::host);
        CHECK(keeper_of({"ens6", second.mac, ""}, none, primary) == Keeper::host); // udev says nothing
        CHECK(keeper_of(attached, none, primary) == Keeper::cni);
        CHECK(keeper_of(attached, {"ens6"}, primary) == Keeper::cni);

        for (const auto* name : {"ens7", "ens*", "ens[67]", "0e:49:61:0f:c3:13", "0E:49:61:0F:C3:13"})
                CHECK(keeper_of(attached, {"eth9", name}, primary) == Keeper::host);
}

// The peer's file without its comments; the match is by name and address, see interface.cpp.
TEST_CASE("networkd's configuration has nodeadm's settings: metric, table and rule", "[interface]")
{
        const auto facts = interface_facts(imds, second.mac);
        REQUIRE(facts);

        const auto text = render_network(second, *facts);
        std::string settings;
        for (const auto line : lines(text))
                if (!line.starts_with('#'))
                        settings += std::string(line) + "\n";
        CHECK(settings == "[Match]\n"
                          "Name=ens6\n"
                          "MACAddress=0e:49:61:0f:c3:12\n"
                          "[Link]\n"
                          "MTUBytes=9001\n"
                          "[Network]\n"
                          "DHCP=yes\n"
                          "IPv6DuplicateAddressDetection=0\n"
                          "LLMNR=no\n"
                          "DNSDefaultRoute=yes\n"
                          "[DHCPv4]\n"
                          "UseHostname=no\n"
                          "UseDNS=yes\n"
                          "UseNTP=yes\n"
                          "UseDomains=yes\n"
                          "RouteMetric=613\n"
                          "UseRoutes=true\n"
                          "UseGateway=true\n"
                          "[DHCPv6]\n"
                          "UseHostname=no\n"
                          "UseDNS=yes\n"
                          "UseNTP=yes\n"
                          "WithoutRA=solicit\n"
                          "[IPv6AcceptRA]\n"
                          "RouteMetric=613\n"
                          "UseGateway=true\n"
                          "[Route]\n"
                          "Table=10101\n"
                          "Gateway=_ipv6ra\n"
                          "[Route]\n"
                          "Table=10101\n"
                          "Gateway=_dhcp4\n"
                          "[RoutingPolicyRule]\n"
                          "From=10.0.0.2\n"
                          "Table=10101\n"
                          "Priority=32765\n");
        CHECK(render_network(second, {.device_number = 2}).find("RoutingPolicyRule") == std::string::npos);
        CHECK(render_network(second, {.device_number = 2}).find("RouteMetric=514\n") != std::string::npos);
        CHECK_FALSE(interface_facts(imds, attached.mac));
}

TEST_CASE("Who has an interface is remembered until it is gone", "[interface]")
{
        const test::TemporaryDirectory directory;
        const Root root(directory.path());
        const auto record = [](const std::string& mac) { return std::string(interface_records) + mac; };
        const std::string gone = "0e:49:61:0f:c3:20", with_a_pod = "0e:49:61:0f:c3:21";
        write_atomically(root(record(gone)), record_of_cni, 0644, Durability::unsynced);
        write_atomically(root(record(with_a_pod)), record_of_host, 0644, Durability::unsynced);
        write_atomically(root(record(second.mac)), record_of_host, 0644, Durability::unsynced);

        const auto plan =
                plan_interface(root, attached, Keeper::cni, {}, {primary, second.mac, attached.mac});
        CHECK(plan.files.size() == 3);
        CHECK(file_in(plan, "/run/systemd/network/05-eks-ens7.network").kind == File::Kind::absent);
        CHECK(file_in(plan, record(attached.mac)).content == "EKS_INTERFACE=cni\n");
        CHECK(file_in(plan, record(gone)).kind == File::Kind::absent);

        const auto host = plan_interface(root, second, Keeper::host, {}, {primary, second.mac, gone});
        CHECK(host.files.size() == 2);
        CHECK(file_in(host, "/run/systemd/network/05-eks-ens6.network").kind == File::Kind::regular);
        CHECK(file_in(host, record(second.mac)).content == "EKS_INTERFACE=host\n");

        const auto first = plan_interface(root, {"ens5", primary, "host"}, Keeper::primary, {}, {});
        CHECK(first.files.size() == 1);
        CHECK(file_in(first, "/run/systemd/network/05-eks-ens5.network").kind == File::Kind::absent);
}

TEST_CASE("The gate is shut if all interfaces but the primary are the CNI plugin's", "[interface]")
{
        const test::TemporaryDirectory directory;
        const Root root(directory.path());
        CHECK_FALSE(has_more_interfaces(root, Json()));
        CHECK_FALSE(has_more_interfaces(root, {{"mac", primary}, {"interfaces", {imds["interfaces"][0]}}}));
        CHECK(has_more_interfaces(root, imds));

        const auto record = root(std::string(interface_records) + second.mac);
        write_atomically(record, record_of_host, 0644, Durability::unsynced);
        CHECK(has_more_interfaces(root, imds));

        write_atomically(record, record_of_cni, 0644, Durability::unsynced);
        CHECK_FALSE(has_more_interfaces(root, imds));
}

TEST_CASE("A file of the admin's is not overruled, one of the distribution's is", "[interface]")
{
        CHECK(is_of_admin("/etc/systemd/network/10-storage.network"));
        CHECK_FALSE(is_of_admin("/etc/systemd/network/10-cloud-init-ens6.network"));
        CHECK_FALSE(is_of_admin("/run/systemd/network/10-netplan-all-en.network"));
        CHECK_FALSE(is_of_admin("/usr/lib/systemd/network/80-ec2.network"));
        CHECK_FALSE(is_of_admin(""));
}
