// SPDX-License-Identifier: Apache-2.0
// What a machine knows of itself without the metadata service: from its firmware, the kernel, the network,
// and what cloud-init has kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/root.hpp"

namespace eks {

// What the kernel tells by system calls; a test makes it up.
struct KernelFacts {
        struct Interface {
                std::string name;
                std::string ipv4;
                unsigned prefix = 0; // of the IPv4 address
                std::vector<std::string> ipv6s;
        };

        std::string machine; // as `uname -m` prints it
        std::vector<Interface> interfaces;
};
KernelFacts kernel_facts();

// Facts in the form of imds.json, each with its source.
class LocalFacts {
public:
        // The first source of a fact counts. A value that is not one short word is ignored.
        void add(std::string_view key, std::string_view value, std::string_view source);
        void add_value(std::string_view key, Json value, std::string_view source);

        // Of something that is no fact: the user data.
        void add_source(std::string_view name, std::string_view source)
        {
                sources_[std::string(name)] = source;
        }

        std::string text(std::string_view key) const; // "" if it is not known
        // The object, with "sources".
        Json document() const;

private:
        Json facts_ = Json::object();
        Json sources_ = Json::object();
};

// The instance's id and type from the firmware of a Nitro instance. A Xen instance's firmware has neither.
void add_firmware_facts(const Root& root, LocalFacts& facts);

// What cloud-init has found out in this boot, if it is of the instance that the facts so far name.
void add_cloud_init_facts(const Root& root, LocalFacts& facts);

// MAC, addresses and subnet of the interface with the default route, the name of the host from its DHCP
// lease, and the architecture.
void add_network_facts(const Root& root, const KernelFacts& kernel, LocalFacts& facts);

// The region of a cluster's endpoint or of a DNS domain of EC2; "" if there is none.
std::string region_of_endpoint(std::string_view url);
std::string region_of_domain(std::string_view domain);

struct LocalUserData {
        std::string bytes;
        std::string source;
};

// From the credential eks.nodeconfig, else /etc/eks/user-data.
std::optional<LocalUserData> given_user_data(const Root& root);

// The copy that cloud-init keeps of the user data of this instance.
std::optional<LocalUserData> cached_user_data(const Root& root, std::string_view instance_id);

} // namespace eks
