// SPDX-License-Identifier: Apache-2.0
#include "node/ec2_facts.hpp"

#include "base/error.hpp"
#include "base/fs.hpp"

namespace eks {

Ec2Facts parse_ec2_facts(const Json& document)
{
        const auto text = [&](const char* key) { return document.value(key, std::string()); };
        Ec2Facts facts{.private_dns_name = text("privateDnsName"),
                .instance_type = text("instanceType"),
                .availability_zone = text("availabilityZone"),
                .types = {}};

        for (const auto& [name, limits] : document.value("instanceTypes", Json::object()).items())
                facts.types.emplace(name, InstanceType{.max_enis = limits.at("maxENIs").get<unsigned>(),
                                                  .ipv4_per_eni = limits.at("ipv4PerENI").get<unsigned>(),
                                                  .vcpus = limits.at("vcpus").get<unsigned>(),
                                                  .nitro = limits.at("nitro").get<bool>()});

        return facts;
}

Json render_ec2_facts(const Ec2Facts& facts, std::string_view instance_id)
{
        Json document{{"instanceId", instance_id}};
        const auto add = [&](const char* key, const std::string& value) {
                if (!value.empty())
                        document[key] = value;
        };

        add("privateDnsName", facts.private_dns_name);
        add("instanceType", facts.instance_type);
        add("availabilityZone", facts.availability_zone);
        for (const auto& [name, type] : facts.types)
                document["instanceTypes"][name] = {{"maxENIs", type.max_enis},
                        {"ipv4PerENI", type.ipv4_per_eni}, {"vcpus", type.vcpus}, {"nitro", type.nitro}};

        return document;
}

Ec2Facts load_ec2_facts(const Root& root, std::string_view instance_id, std::string_view path)
{
        const auto text = read_file_if_exists(root(path));
        if (!text)
                return {};

        return in_context(path, failure::facts_missing, [&]() -> Ec2Facts {
                const auto document = parse_json(*text);
                if (document.at("instanceId") != instance_id)
                        return {};
                return parse_ec2_facts(document);
        });
}

} // namespace eks
