// SPDX-License-Identifier: Apache-2.0
#include "steps/interface/configure_interface.hpp"

#include <cstdlib>

#include <fmt/format.h>
#include <systemd/sd-device.h>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/addresses.hpp"
#include "net/imds.hpp"
#include "node/node.hpp"
#include "steps/interface/interface.hpp"

namespace eks {

namespace {

constexpr const char* sysfs = "/sys/class/net/";
constexpr std::chrono::seconds metadata_timeout{30};
constexpr std::chrono::seconds unit_margin{30}; // that the manager waits longer than we do

std::string address_of(const Root& root, const std::string& name)
{
        return std::string(trim(read_file_if_exists(root(sysfs + name + "/address")).value_or("")));
}

std::vector<std::string> present_addresses(const Root& root)
{
        std::vector<std::string> addresses;
        for (const auto& name : list_directory(root(sysfs)))
                addresses.push_back(address_of(root, name));
        return addresses;
}

std::string udev_property(const std::string& interface, const char* key)
{
        sd_device* device = nullptr;
        if (::sd_device_new_from_ifname(&device, interface.c_str()) < 0)
                return {};
        const std::unique_ptr<sd_device, Deleter<sd_device_unref>> owned(device);
        const char* value = nullptr;
        return ::sd_device_get_property_value(device, key, &value) >= 0 ? value : "";
}

Interface this_interface(const Root& root)
{
        Interface interface {
                .name = environment("EKS_INTERFACE_NAME"), .mac = {}, .marked = {}
        };

        if (interface.name.empty() || interface.name.find('/') != interface.name.npos)
                throw Error(failure::usage, "EKS_INTERFACE_NAME is not the name of an interface",
                        "Start eks-interface@NAME.service");

        interface.mac = address_of(root, interface.name);
        if (root.prefix().empty())
                interface.marked = udev_property(interface.name, "EKS_INTERFACE");

        return interface;
}

InterfaceFacts ask_metadata(Context& context, const std::string& mac)
{
        const auto timeout = environment_seconds("EKS_IMDS_TIMEOUT", metadata_timeout);
        if (timeout != metadata_timeout)
                notify_extend_timeout(static_cast<unsigned>((timeout + unit_margin).count()));
        context.wait_until(timeout, "the step fails, and eks-retry.timer tries it again");
        ImdsClient imds(
                {.endpoint = imds_endpoint(), .timeout = timeout, .on_retry = [&](const std::string& what) {
                         context.awaiting("Waiting for the instance metadata service: " + what);
                 }});
        const auto base = fmt::format("meta-data/network/interfaces/macs/{}/", mac);
        const auto answers = imds.wait_for({{base + "device-number", Absence::not_yet},
                {base + "network-card", Absence::answer}, {base + "local-ipv4s", Absence::soon_answer}});
        const auto number = [&](std::size_t item) {
                const auto value = answers[item] ? parse_int<unsigned>(trim(*answers[item])) : 0;
                if (!value)
                        throw Error(failure::imds_answer,
                                fmt::format(
                                        "the instance metadata service answered '{}' with something that is not a number",
                                        base),
                                "Check what answers at the metadata address");

                return *value;
        };

        const auto text = answers[2].value_or("");

        const auto addresses = lines(text);
        InterfaceFacts facts{.device_number = number(0), .network_card = number(1), .ipv4 = {}};
        if (!addresses.empty() && is_address(trim(addresses.front())))
                facts.ipv4 = trim(addresses.front());

        return facts;
}

} // namespace

void configure_interface(Context& context, Networkd* networkd)
{
        const auto& root = context.root();
        const auto node = load_node_inputs(root, ClusterNeed::as_configured);

        const auto interface = this_interface(root);
        if (interface.mac.empty())
                return context.did(
                        fmt::format("there is no interface '{}' any more", interface.name), false);

        const auto& managed = node.spec.host.managed_interfaces;
        const auto keeper = keeper_of(interface, managed, node.facts.all.value("mac", std::string()));
        const bool runs = networkd != nullptr && networkd->runs();
        if (keeper == Keeper::host && runs && !is_named(interface, managed)) {
                const auto file = networkd->network_file(interface.name);
                if (is_of_admin(file))
                        return context.did(
                                fmt::format("'{}' is configured by '{}'", interface.name, file), false);
        }

        InterfaceFacts facts;
        if (keeper == Keeper::host) {
                const auto known = interface_facts(node.facts.all, interface.mac);
                facts = known ? *known : ask_metadata(context, interface.mac);
        }

        context.apply(plan_interface(root, interface, keeper, facts, present_addresses(root)));
        if (keeper == Keeper::cni)
                return context.did(fmt::format("'{}' is left to the CNI plugin", interface.name), false);
        if (keeper == Keeper::primary)
                return context.did(
                        fmt::format("'{}' is the primary interface, and stays as it is", interface.name),
                        false);
        if (!runs)
                return context.did("systemd-networkd does not run; it reads the file when it starts", false);

        networkd->reload();
        context.did(fmt::format("systemd-networkd configures '{}'", interface.name), context.changed());
}

} // namespace eks
