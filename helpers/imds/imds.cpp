// SPDX-License-Identifier: Apache-2.0
#include "imds.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace eks {

namespace {

using Json = nlohmann::json;

struct Fact {
        const char* path; // below meta-data/ or below an interface
        const char* key;  // in imds.json
};

constexpr const char* identity_path = "dynamic/instance-identity/document";
constexpr const char* user_data = "user-data";
constexpr const char* tags_path = "meta-data/tags/instance/";
constexpr const char* interfaces_path = "meta-data/network/interfaces/macs/";

constexpr std::array identity_facts{Fact{"instanceId", "instanceId"}, Fact{"instanceType", "instanceType"},
        Fact{"region", "region"}, Fact{"availabilityZone", "availabilityZone"},
        Fact{"accountId", "accountId"}, Fact{"imageId", "amiId"}, Fact{"architecture", "architecture"}};

constexpr std::array text_facts{Fact{"placement/availability-zone-id", "availabilityZoneId"},
        Fact{"services/partition", "partition"}, Fact{"services/domain", "domain"},
        Fact{"instance-life-cycle", "lifecycle"}, Fact{"local-hostname", "localHostname"},
        Fact{"mac", "mac"}, Fact{"local-ipv4", "localIpv4"}};

constexpr std::array interface_numbers{
        Fact{"device-number", "deviceNumber"}, Fact{"network-card", "networkCard"}};

constexpr std::array interface_lists{Fact{"local-ipv4s", "localIpv4s"}, Fact{"ipv6s", "ipv6s"},
        Fact{"vpc-ipv4-cidr-blocks", "vpcIpv4Cidrs"}, Fact{"vpc-ipv6-cidr-blocks", "vpcIpv6Cidrs"}};

constexpr const char* subnet_path = "subnet-ipv4-cidr-block";

[[noreturn]] void bad_answer(std::string_view path, std::string_view wrong)
{
        throw Error(failure::imds_answer,
                fmt::format("the instance metadata service answered '{}' with something that is {}", path,
                        wrong),
                "Check what answers at the metadata address; `systemctl start eks-node.target` tries again");
}

// One word or line. Error pages of proxies and load balancers begin with a tag.
std::string checked_line(std::string_view path, std::string_view body)
{
        const auto line = trim(body);
        if (line.empty() || has_control_characters(line) || line.starts_with('<'))
                bad_answer(path, "not one line of text");
        return std::string(line);
}

Json checked_list(std::string_view path, const std::optional<std::string>& body)
{
        auto list = Json::array();
        if (body)
                for (const auto line : lines(*body))
                        if (!trim(line).empty())
                                list.push_back(checked_line(path, line));
        return list;
}

void add_identity(Json& facts, const std::optional<std::string>& body)
{
        if (!body)
                bad_answer(identity_path, "not there (404)");
        const auto document = Json::parse(*body, nullptr, false);
        if (!document.is_object())
                bad_answer(identity_path, "not a JSON object");
        for (const auto& [path, key] : identity_facts)
                if (const auto value = document.find(path); value != document.end() && value->is_string())
                        facts[key] = checked_line(identity_path, value->get_ref<const std::string&>());
        for (const auto* needed : {"instanceId", "instanceType", "region", "availabilityZone"})
                if (!facts.contains(needed))
                        bad_answer(identity_path, fmt::format("without '{}'", needed));
}

// Entries of a listing, without the slash that marks a directory.
std::vector<std::string> entries(std::string_view path, const std::optional<std::string>& body)
{
        std::vector<std::string> names;
        for (const auto& line : checked_list(path, body)) {
                auto name = line.get<std::string>();
                if (name.ends_with('/'))
                        name.pop_back();
                names.push_back(std::move(name));
        }
        return names;
}

class Answers {
public:
        Answers(const ImdsFetch& fetch, std::vector<std::string> paths) : paths_(std::move(paths))
        {
                bodies_ = fetch(paths_);
        }
        const std::optional<std::string>& at(const std::string& path) const
        {
                const auto found = std::ranges::find(paths_, path);
                return bodies_.at(static_cast<std::size_t>(found - paths_.begin()));
        }

private:
        std::vector<std::string> paths_;
        std::vector<std::optional<std::string>> bodies_;
};

Json interface_facts(const Answers& answers, const std::string& mac)
{
        const auto base = interfaces_path + mac + "/";
        Json interface {
                {
                        "mac", mac
                }
        };
        for (const auto& [path, key] : interface_numbers) {
                const auto& body = answers.at(base + path);
                // The first network card of an instance with one has no key of its own.
                const auto number = body ? parse_int<unsigned>(trim(*body)) : 0;
                if (!number)
                        bad_answer(base + path, "not a number");
                interface[key] = *number;
        }
        for (const auto& [path, key] : interface_lists)
                interface[key] = checked_list(base + path, answers.at(base + path));
        if (const auto& subnet = answers.at(base + subnet_path))
                interface["subnetIpv4Cidr"] = checked_line(base + subnet_path, *subnet);
        return interface;
}

} // namespace

StepPlan plan_imds(const ImdsFetch& fetch)
{
        std::vector<std::string> first{identity_path, user_data, tags_path, interfaces_path};
        for (const auto& fact : text_facts)
                first.push_back(std::string("meta-data/") + fact.path);
        const Answers top(fetch, first);

        Json facts = Json::object();
        add_identity(facts, top.at(identity_path));
        for (const auto& [path, key] : text_facts) {
                const auto full = std::string("meta-data/") + path;
                if (const auto& body = top.at(full); body && !trim(*body).empty())
                        facts[key] = checked_line(full, *body);
        }

        const auto macs = entries(interfaces_path, top.at(interfaces_path));
        const auto tags = entries(tags_path, top.at(tags_path));
        std::vector<std::string> second;
        for (const auto& mac : macs) {
                const auto base = interfaces_path + mac + "/";
                for (const auto& fact : interface_numbers)
                        second.push_back(base + fact.path);
                for (const auto& fact : interface_lists)
                        second.push_back(base + fact.path);
                second.push_back(base + subnet_path);
        }
        for (const auto& tag : tags)
                second.push_back(tags_path + tag);
        const Answers below(fetch, second);

        std::vector<Json> interfaces;
        for (const auto& mac : macs)
                interfaces.push_back(interface_facts(below, mac));
        std::ranges::sort(interfaces, {}, [](const Json& i) {
                return std::pair(i.at("networkCard").get<unsigned>(), i.at("deviceNumber").get<unsigned>());
        });
        facts["interfaces"] = interfaces;
        if (top.at(tags_path)) {
                facts["tags"] = Json::object();
                for (const auto& tag : tags)
                        if (const auto& value = below.at(tags_path + tag))
                                facts["tags"][tag] = std::string(trim(*value));
        }

        StepPlan plan;
        plan.files.push_back({.path = "/run/eks/imds.json",
                .content = facts.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"});
        if (const auto& data = top.at(user_data))
                plan.files.push_back({.path = "/run/eks/user-data", .content = *data, .mode = 0600});
        else
                plan.files.push_back(
                        {.path = "/run/eks/user-data", .content = {}, .kind = File::Kind::absent});
        return plan;
}

} // namespace eks
