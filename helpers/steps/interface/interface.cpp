// SPDX-License-Identifier: Apache-2.0
#include "steps/interface/interface.hpp"

#include <algorithm>
#include <fnmatch.h>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr unsigned first_metric = 512;
constexpr unsigned first_table = 10000;
constexpr unsigned of_card = 100;

} // namespace

bool is_named(const Interface& interface, const std::vector<std::string>& managed)
{
        return std::ranges::any_of(managed, [&](const std::string& name) {
                return lower(name) == interface.mac ||
                       ::fnmatch(name.c_str(), interface.name.c_str(), FNM_NOESCAPE) == 0;
        });
}

Keeper keeper_of(
        const Interface& interface, const std::vector<std::string>& managed, std::string_view primary_mac)
{
        if (interface.mac == primary_mac)
                return Keeper::primary;
        if (is_named(interface, managed))
                return Keeper::host;
        return interface.marked == "cni" ? Keeper::cni : Keeper::host;
}

std::string network_path(const Interface& interface)
{
        return fmt::format("/run/systemd/network/05-eks-{}.network", interface.name);
}

// Name= as well: an interface on top of this one, as ipvlan, has the same address.
std::string render_network(const Interface& interface, const InterfaceFacts& facts)
{
        const auto offset = of_card * facts.network_card + facts.device_number;
        const auto table = first_table + offset;
        auto text = fmt::format("# Made by eks-interface@{0}.service.\n"
                                "[Match]\n"
                                "Name={0}\n"
                                "MACAddress={1}\n"
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
                                "RouteMetric={2}\n"
                                "UseRoutes=true\n"
                                "UseGateway=true\n"
                                "[DHCPv6]\n"
                                "UseHostname=no\n"
                                "UseDNS=yes\n"
                                "UseNTP=yes\n"
                                "WithoutRA=solicit\n"
                                "[IPv6AcceptRA]\n"
                                "RouteMetric={2}\n"
                                "UseGateway=true\n"
                                "# Answers leave by the interface whose address they are sent from.\n"
                                "[Route]\n"
                                "Table={3}\n"
                                "Gateway=_ipv6ra\n"
                                "[Route]\n"
                                "Table={3}\n"
                                "Gateway=_dhcp4\n",
                interface.name, interface.mac, first_metric + offset, table);
        if (!facts.ipv4.empty())
                text += fmt::format("[RoutingPolicyRule]\n"
                                    "From={}\n"
                                    "Table={}\n"
                                    "Priority=32765\n",
                        facts.ipv4, table);

        return text;
}

StepPlan plan_interface(const Root& root, const Interface& interface, Keeper keeper,
        const InterfaceFacts& facts, const std::vector<std::string>& present)
{
        StepPlan plan;
        File network{.path = network_path(interface), .content = {}};
        if (keeper == Keeper::host)
                network.content = render_network(interface, facts);
        else
                network.kind = File::Kind::absent;
        plan.files.push_back(std::move(network));

        if (keeper == Keeper::primary)
                return plan;

        const std::string records(interface_records);
        plan.files.push_back({.path = records + interface.mac,
                .content = std::string(keeper == Keeper::host ? record_of_host : record_of_cni)});

        // An interface of the host may be with a pod, and come back.
        for (const auto& mac : list_directory(root(records)))
                if (mac != interface.mac && std::ranges::find(present, mac) == present.end() &&
                        read_file_if_exists(root(records + mac)) == record_of_cni)
                        plan.files.push_back(
                                {.path = records + mac, .content = {}, .kind = File::Kind::absent});

        return plan;
}

bool is_of_admin(std::string_view network_file)
{
        constexpr std::string_view directory = "/etc/systemd/network/";
        // cloud-init writes the files of the distribution there.
        return network_file.starts_with(directory) &&
               !network_file.substr(directory.size()).starts_with("10-cloud-init-");
}

} // namespace eks
