// SPDX-License-Identifier: Apache-2.0
#include "steps/imds/imds.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

struct Fact {
        const char* path; // below meta-data/ or below an interface
        const char* key;  // in imds.json
        Absence absence = Absence::answer;
};

constexpr const char* identity_path = "dynamic/instance-identity/document";
constexpr const char* user_data = "user-data";
constexpr const char* tags_path = "meta-data/tags/instance/";
constexpr const char* interfaces_path = "meta-data/network/interfaces/macs/";

constexpr std::array identity_facts{Fact{"instanceId", "instanceId"}, Fact{"instanceType", "instanceType"},
        Fact{"region", "region"}, Fact{"availabilityZone", "availabilityZone"},
        Fact{"accountId", "accountId"}, Fact{"imageId", "amiId"}, Fact{"architecture", "architecture"}};

constexpr const char* local_ipv4_path =
        "meta-data/local-ipv4"; // an instance with only IPv6 has no IPv4 address
constexpr std::array text_facts{
        Fact{"placement/availability-zone-id", "availabilityZoneId", Absence::soon_answer},
        Fact{"services/partition", "partition", Absence::not_yet},
        Fact{"services/domain", "domain", Absence::not_yet},
        Fact{"instance-life-cycle", "lifecycle", Absence::soon_answer},
        Fact{"local-hostname", "localHostname", Absence::not_yet}, Fact{"mac", "mac", Absence::not_yet},
        Fact{"local-ipv4", "localIpv4"}};

constexpr std::array interface_numbers{
        Fact{"device-number", "deviceNumber", Absence::not_yet}, Fact{"network-card", "networkCard"}};

constexpr std::array interface_lists{Fact{"local-ipv4s", "localIpv4s"}, Fact{"ipv6s", "ipv6s"},
        Fact{"vpc-ipv4-cidr-blocks", "vpcIpv4Cidrs"}, Fact{"vpc-ipv6-cidr-blocks", "vpcIpv6Cidrs"}};

constexpr const char* subnet_path = "subnet-ipv4-cidr-block";
constexpr const char* addresses_path = "local-ipv4s";
constexpr const char* ipv6_path = "ipv6s";
constexpr const char* ranges_path = "vpc-ipv4-cidr-blocks";

[[noreturn]] void bad_answer(std::string_view path, std::string_view wrong)
{
        throw Error(failure::imds_answer,
                fmt::format("the instance metadata service answered '{}' with something that is {}", path,
                        wrong),
                "Check what answers at the metadata address");
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
        const auto document = try_parse_json(*body);
        if (!document.is_object())
                bad_answer(identity_path, "not a JSON object");

        for (const auto& [path, key, absence] : identity_facts)
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
        // Requests these items; one that was requested before is replaced.
        void ask(const ImdsFetch& fetch, const std::vector<ImdsItem>& items)
        {
                const auto bodies = fetch(items);
                for (std::size_t i = 0; i < items.size(); ++i)
                        bodies_[items[i].path] = bodies.at(i);
        }
        const std::optional<std::string>& at(const std::string& path) const { return bodies_.at(path); }
        bool lacks(const std::string& path) const { return !bodies_.at(path); }

private:
        std::map<std::string, std::optional<std::string>> bodies_;
};

Json interface_facts(const Answers& answers, const std::string& mac)
{
        const auto base = interfaces_path + mac + "/";
        Json interface {
                {
                        "mac", mac
                }
        };

        for (const auto& [path, key, absence] : interface_numbers) {
                const auto& body = answers.at(base + path);
                // The first network card of an instance with one has no key of its own.
                const auto number = body ? parse_int<unsigned>(trim(*body)) : 0;
                if (!number)
                        bad_answer(base + path, "not a number");
                interface[key] = *number;
        }

        for (const auto& [path, key, absence] : interface_lists)
                interface[key] = checked_list(base + path, answers.at(base + path));
        if (const auto& subnet = answers.at(base + subnet_path))
                interface["subnetIpv4Cidr"] = checked_line(base + subnet_path, *subnet);

        return interface;
}

// The items that the answers so far imply but lack, because the service did not know them yet.
std::vector<ImdsItem> implied(const Answers& answers, const std::vector<std::string>& macs)
{
        std::vector<ImdsItem> items;
        const auto need = [&](const std::string& path) {
                if (answers.lacks(path))
                        items.push_back({path, Absence::not_yet});
        };

        const auto& own = answers.at("meta-data/mac");

        for (const auto& mac : macs) {
                const auto base = interfaces_path + mac + "/";
                if (own && trim(*own) == mac) {
                        if (!answers.lacks(base + addresses_path) || answers.lacks(base + ipv6_path))
                                need(local_ipv4_path);
                        if (!answers.lacks(local_ipv4_path) || answers.lacks(base + ipv6_path))
                                need(base + addresses_path);
                }

                const bool has_ipv4 =
                        !answers.lacks(base + addresses_path) || !answers.lacks(local_ipv4_path);
                if (has_ipv4) {
                        need(base + subnet_path);
                        need(base + ranges_path);
                }
        }

        return items;
}

} // namespace

StepPlan plan_imds(const ImdsFetch& fetch)
{
        Answers answers;
        std::vector<ImdsItem> first{{identity_path, Absence::not_yet}, {user_data, Absence::soon_answer},
                {tags_path}, {interfaces_path, Absence::not_yet}};
        for (const auto& fact : text_facts)
                first.push_back({std::string("meta-data/") + fact.path, fact.absence});
        answers.ask(fetch, first);

        const auto macs = entries(interfaces_path, answers.at(interfaces_path));
        const auto tags = entries(tags_path, answers.at(tags_path));
        std::vector<ImdsItem> second;

        for (const auto& mac : macs) {
                const auto base = interfaces_path + mac + "/";
                for (const auto& fact : interface_numbers)
                        second.push_back({base + fact.path, fact.absence});
                for (const auto& fact : interface_lists)
                        second.push_back({base + fact.path});
                second.push_back({base + subnet_path});
        }

        for (const auto& tag : tags)
                second.push_back({tags_path + tag});
        answers.ask(fetch, second);

        if (const auto third = implied(answers, macs); !third.empty())
                answers.ask(fetch, third);

        Json facts = Json::object();
        add_identity(facts, answers.at(identity_path));

        for (const auto& [path, key, absence] : text_facts) {
                const auto full = std::string("meta-data/") + path;
                if (const auto& body = answers.at(full); body && !trim(*body).empty())
                        facts[key] = checked_line(full, *body);
        }

        std::vector<Json> interfaces;
        for (const auto& mac : macs)
                interfaces.push_back(interface_facts(answers, mac));
        std::ranges::sort(interfaces, {}, [](const Json& i) {
                return std::pair(i.at("networkCard").get<unsigned>(), i.at("deviceNumber").get<unsigned>());
        });

        facts["interfaces"] = interfaces;
        if (answers.at(tags_path)) {
                facts["tags"] = Json::object();
                for (const auto& tag : tags)
                        if (const auto& value = answers.at(tags_path + tag))
                                facts["tags"][tag] = std::string(trim(*value));
        }

        StepPlan plan;
        plan.decisions.push_back(fmt::format("instance {} of type {} in {}: {} interfaces, {}, {} bytes of "
                                             "user data",
                facts.value("instanceId", ""), facts.value("instanceType", ""),
                facts.value("availabilityZone", ""), macs.size(),
                facts.contains("tags") ? fmt::format("{} tags", tags.size())
                                       : "tags are not in the metadata",
                answers.at(user_data) ? answers.at(user_data)->size() : 0));
        plan.files.push_back({.path = "/run/eks/imds.json",
                .content = facts.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"});

        if (const auto& data = answers.at(user_data))
                plan.files.push_back({.path = "/run/eks/user-data", .content = *data, .mode = 0600});
        else
                plan.files.push_back(
                        {.path = "/run/eks/user-data", .content = {}, .kind = File::Kind::absent});

        return plan;
}

} // namespace eks
