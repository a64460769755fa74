// SPDX-License-Identifier: Apache-2.0
#include "steps/imds/local_facts.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <bit>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/utsname.h>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/configured_facts.hpp"

namespace eks {

namespace {

constexpr std::string_view firmware = "/sys/devices/virtual/dmi/id/";
constexpr std::string_view nitro_vendor = "Amazon EC2";
constexpr std::string_view cloud_init_data = "/run/cloud-init/instance-data.json";
constexpr std::string_view cloud_init_link = "/var/lib/cloud/instance";
constexpr std::string_view credential_name = "eks.nodeconfig";
constexpr std::string_view user_data_file = "/etc/eks/user-data";
constexpr std::size_t local_limit = 1U << 20U; // bytes of one file
constexpr std::size_t value_limit = 253;       // bytes; a host name has no more

// Of a small file, without blanks at its ends; "" if it cannot be read.
std::string contents(const Root& root, std::string_view path)
{
        try {
                return std::string(trim(read_file_if_exists(root(path), local_limit).value_or("")));
        } catch (const Error&) { // another source may have it
                return {};
        }
}

bool is_valid(std::string_view name, std::string_view value)
{
        return wrong_fact(name, value).empty();
}

// A string in cloud-init's data, by its pointer; "" if there is none.
std::string cloud_init_text(const Json& tree, const char* pointer)
{
        const Json::json_pointer place(pointer);
        if (!tree.is_object() || !tree.contains(place) || !tree.at(place).is_string())
                return {};
        return tree.at(place).get<std::string>();
}

// The value of a line KEY=value, as networkd writes leases.
std::string lease_value(std::string_view lease, std::string_view key)
{
        for (const auto line : lines(lease))
                if (line.starts_with(key) && line.substr(key.size()).starts_with('='))
                        return std::string(trim(line.substr(key.size() + 1)));
        return {};
}

// The name of the interface with the best default route; "" without one.
std::string default_interface(const Root& root)
{
        std::string best;
        unsigned best_metric = 0;

        const auto consider = [&](std::string_view name, unsigned metric) {
                if (best.empty() || metric < best_metric) {
                        best = name;
                        best_metric = metric;
                }
        };

        // The columns are Iface, Destination, Gateway, Flags, RefCnt, Use, Metric, Mask, …
        constexpr std::size_t metric_column = 6;
        constexpr std::size_t mask_column = 7;
        const auto routes = contents(root, "/proc/net/route");
        for (const auto line : lines(routes)) {
                const auto columns = split(line, '\t');
                if (columns.size() > mask_column && columns[1] == "00000000" &&
                        columns[mask_column] == "00000000")
                        consider(trim(columns[0]), parse_int<unsigned>(columns[metric_column]).value_or(0));
        }

        if (!best.empty())
                return best;

        // Destination, its prefix, source, its prefix, gateway, metric, three others, interface. The kernel
        // has an entry of its own that rejects everything, at lo.
        constexpr std::size_t name_column = 9;
        const auto ipv6_routes = contents(root, "/proc/net/ipv6_route");
        for (const auto line : lines(ipv6_routes)) {
                std::vector<std::string_view> columns = split(line, ' ');
                std::erase(columns, std::string_view());
                if (columns.size() > name_column && columns[1] == "00" && columns[name_column] != "lo" &&
                        columns[0] == std::string(32, '0'))
                        consider(columns[name_column], parse_int<unsigned>(columns[5], 16).value_or(0));
        }

        return best;
}

bool is_hardware(const Root& root, const std::string& name)
{
        return exists(root(fmt::format("/sys/class/net/{}/device", name)));
}

// The instance's first interface.
const KernelFacts::Interface* primary_interface(const Root& root, const KernelFacts& kernel)
{
        const auto& all = kernel.interfaces;
        auto found = std::ranges::find(all, default_interface(root), &KernelFacts::Interface::name);
        if (found == all.end())
                found = std::ranges::find_if(
                        all, [&](const auto& one) { return is_hardware(root, one.name); });
        return found == all.end() ? nullptr : &*found;
}

std::string subnet_of(const KernelFacts::Interface& interface)
{
        in_addr address{};
        if (::inet_pton(AF_INET, interface.ipv4.c_str(), &address) != 1 || interface.prefix > 32)
                return {};
        const std::uint32_t mask = interface.prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - interface.prefix);
        address.s_addr &= htonl(mask);
        std::array<char, INET_ADDRSTRLEN> text{};
        ::inet_ntop(AF_INET, &address, text.data(), text.size());
        return fmt::format("{}/{}", text.data(), interface.prefix);
}

} // namespace

KernelFacts kernel_facts()
{
        KernelFacts facts;
        utsname system{};
        if (::uname(&system) == 0)
                facts.machine = system.machine;

        ifaddrs* list = nullptr;
        if (::getifaddrs(&list) != 0)
                return facts;
        const std::unique_ptr<ifaddrs, Deleter<::freeifaddrs>> owner(list);

        for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next) {
                if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_LOOPBACK) != 0)
                        continue;

                auto& all = facts.interfaces;
                auto interface = std::ranges::find(all, entry->ifa_name, &KernelFacts::Interface::name);
                if (interface == all.end())
                        interface = all.insert(all.end(), {.name = entry->ifa_name});

                std::array<char, INET6_ADDRSTRLEN> text{};
                if (entry->ifa_addr->sa_family == AF_INET && interface->ipv4.empty()) {
                        const auto& address = *reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
                        ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
                        interface->ipv4 = text.data();
                        if (entry->ifa_netmask != nullptr)
                                interface->prefix = static_cast<unsigned>(std::popcount(
                                        reinterpret_cast<const sockaddr_in*>(entry->ifa_netmask)
                                                ->sin_addr.s_addr));
                } else if (entry->ifa_addr->sa_family == AF_INET6) {
                        const auto& address = *reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
                        if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr))
                                continue;
                        ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
                        interface->ipv6s.emplace_back(text.data());
                }
        }

        return facts;
}

void LocalFacts::add(std::string_view key, std::string_view value, std::string_view source)
{
        const auto text = trim(value);
        if (!text.empty() && text.size() <= value_limit && !has_control_characters(text) &&
                text.find_first_of(" <\"'") == text.npos)
                add_value(key, Json(text), source);
}

void LocalFacts::add_value(std::string_view key, Json value, std::string_view source)
{
        const std::string name(key);
        if (facts_.contains(name))
                return;
        facts_[name] = std::move(value);
        sources_[name] = source;
}

std::string LocalFacts::text(std::string_view key) const
{
        return facts_.value(std::string(key), std::string());
}

Json LocalFacts::document() const
{
        auto document = facts_;
        if (!sources_.empty())
                document["sources"] = sources_;
        return document;
}

void add_firmware_facts(const Root& root, LocalFacts& facts)
{
        const auto field = [&](std::string_view name) {
                return contents(root, fmt::format("{}{}", firmware, name));
        };

        if (field("sys_vendor") != nitro_vendor)
                return;
        if (const auto id = field("board_asset_tag"); is_valid("instanceId", id))
                facts.add("instanceId", id, "the firmware (board_asset_tag)");
        if (const auto type = field("product_name"); is_valid("instanceType", type))
                facts.add("instanceType", type, "the firmware (product_name)");
}

void add_cloud_init_facts(const Root& root, LocalFacts& facts)
{
        const auto data = try_parse_json(contents(root, cloud_init_data));
        const auto id = cloud_init_text(data, "/v1/instance_id");
        if (cloud_init_text(data, "/v1/cloud_name") != "aws" || !is_valid("instanceId", id) ||
                (!facts.text("instanceId").empty() && facts.text("instanceId") != id))
                return;

        struct Row {
                const char* key;
                const char* pointer;
        };

        constexpr const char* document = "/ds/dynamic/instance-identity/document";
        const auto from = [&](const char* key, const std::string& pointer) {
                facts.add(key, cloud_init_text(data, pointer.c_str()), "cloud-init");
        };

        from("instanceId", "/v1/instance_id");
        for (const auto& [key, pointer] : {Row{"instanceType", "/ds/meta_data/instance-type"},
                     Row{"availabilityZone", "/v1/availability_zone"},
                     Row{"availabilityZoneId", "/ds/meta_data/placement/availability-zone-id"},
                     Row{"region", "/v1/region"}, Row{"amiId", "/ds/meta_data/ami-id"},
                     Row{"lifecycle", "/ds/meta_data/instance-life-cycle"},
                     Row{"localHostname", "/ds/meta_data/local-hostname"}})
                from(key, pointer);
        from("accountId", fmt::format("{}/accountId", document));
}

void add_network_facts(const Root& root, const KernelFacts& kernel, LocalFacts& facts)
{
        facts.add("architecture", kernel.machine == "aarch64" ? "arm64" : kernel.machine, "the kernel");

        const auto* primary = primary_interface(root, kernel);
        if (primary == nullptr)
                return;

        const auto source = fmt::format("the interface {}", primary->name);
        const auto directory = fmt::format("/sys/class/net/{}/", primary->name);
        const auto mac = contents(root, directory + "address");
        facts.add("mac", mac, source);
        facts.add("localIpv4", primary->ipv4, source);

        Json interface {
                {"mac", mac}, {"deviceNumber", 0}, {"networkCard", 0}, {"localIpv4s", Json::array()},
                        {"ipv6s", primary->ipv6s}, {"vpcIpv4Cidrs", Json::array()},
                        {"vpcIpv6Cidrs", Json::array()},
        };
        if (!primary->ipv4.empty()) {
                interface["localIpv4s"].push_back(primary->ipv4);
                interface["subnetIpv4Cidr"] = subnet_of(*primary);
        }
        facts.add_value("interfaces", Json::array({std::move(interface)}), source);

        const auto lease = contents(
                root, fmt::format("/run/systemd/netif/leases/{}", contents(root, directory + "ifindex")));
        const auto host = lease_value(lease, "HOSTNAME");
        const auto domain = lease_value(lease, "DOMAINNAME");
        const auto lease_source = fmt::format("the DHCP lease of {}", primary->name);
        if (host.find('.') != host.npos)
                facts.add("localHostname", host, lease_source);
        else if (!host.empty() && !domain.empty())
                facts.add("localHostname", fmt::format("{}.{}", host, domain), lease_source);
        facts.add("region", region_of_domain(domain), lease_source);
}

std::string region_of_endpoint(std::string_view url)
{
        constexpr std::string_view mark = ".eks.amazonaws.com";
        const auto end = url.find(mark);
        if (!url.starts_with("https://") || end == url.npos)
                return {};
        const auto name = url.substr(0, end);
        const std::string region(name.substr(name.rfind('.') + 1));
        return region_of_zone(region) == region ? region : std::string();
}

std::string region_of_domain(std::string_view domain)
{
        constexpr std::string_view suffix = ".compute.internal";
        if (domain == "ec2.internal")
                return "us-east-1";
        if (!domain.ends_with(suffix))
                return {};
        const std::string region(domain.substr(0, domain.size() - suffix.size()));
        return region_of_zone(region) == region ? region : std::string();
}

std::optional<LocalUserData> given_user_data(const Root& root)
{
        // The first is of the unit, and may have been encrypted; PID 1 imports the second from SMBIOS and
        // the kernel command line. They are read here, and not by LoadCredential=, which costs every node a
        // mount.
        for (const auto& directory : {environment("CREDENTIALS_DIRECTORY"),
                     std::string("/run/credentials/@system"), std::string("/run/host/credentials"),
                     std::string("/run/credstore"), std::string("/etc/credstore")}) {
                const auto path = fmt::format("{}/{}", directory, credential_name);
                if (directory.empty())
                        continue;
                if (auto bytes = read_file_if_exists(root(path), local_limit))
                        return LocalUserData{*std::move(bytes), fmt::format("the credential '{}'", path)};
        }

        if (auto bytes = read_file_if_exists(root(user_data_file), local_limit))
                return LocalUserData{*std::move(bytes), fmt::format("'{}'", user_data_file)};

        return std::nullopt;
}

std::optional<LocalUserData> cached_user_data(const Root& root, std::string_view instance_id)
{
        const auto target = read_link_if_exists(root(cloud_init_link)).value_or("");
        if (instance_id.empty() || !target.ends_with(fmt::format("/{}", instance_id)))
                return std::nullopt; // of the instance that this disk was copied from

        const auto path = fmt::format("/var/lib/cloud/instances/{}/user-data.txt", instance_id);
        auto bytes = read_file_if_exists(root(path), local_limit);
        if (!bytes || bytes->empty())
                return std::nullopt;

        return LocalUserData{*std::move(bytes), "cloud-init's copy"};
}

} // namespace eks
