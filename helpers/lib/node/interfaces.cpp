// SPDX-License-Identifier: Apache-2.0
#include "node/interfaces.hpp"

#include <algorithm>

#include "base/fs.hpp"

namespace eks {

namespace {

Json interfaces_in(const Json& imds)
{
        return imds.is_object() ? imds.value("interfaces", Json::array()) : Json::array();
}

} // namespace

std::optional<InterfaceFacts> interface_facts(const Json& imds, std::string_view mac)
{
        for (const auto& interface : interfaces_in(imds)) {
                if (interface.value("mac", std::string()) != mac)
                        continue;
                const auto addresses = interface.value("localIpv4s", std::vector<std::string>());
                return InterfaceFacts{.device_number = interface.value("deviceNumber", 0U),
                        .network_card = interface.value("networkCard", 0U),
                        .ipv4 = addresses.empty() ? std::string() : addresses.front()};
        }
        return std::nullopt;
}

bool has_more_interfaces(const Root& root, const Json& imds)
{
        const auto interfaces = interfaces_in(imds);
        return std::ranges::any_of(interfaces, [&](const Json& interface) {
                const auto mac = interface.value("mac", std::string());
                return mac != imds.value("mac", std::string()) &&
                       read_file_if_exists(root(std::string(interface_records) + mac)) != record_of_cni;
        });
}

} // namespace eks
