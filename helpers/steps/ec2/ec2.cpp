// SPDX-License-Identifier: Apache-2.0
#include "steps/ec2/ec2.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "net/jitter.hpp"
#include "net/messages.hpp"
#include "node/max_pods.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds first_pause = 4s; // doubles
constexpr milliseconds longest_pause = 60s;

constexpr const char* host_key = "localHostname";

InstanceType instance_type(const Ec2Type& type)
{
        return {.max_enis = type.max_enis,
                .ipv4_per_eni = type.ipv4_per_eni,
                .vcpus = type.vcpus,
                .nitro = type.hypervisor == "nitro"};
}

Note warning(std::string text)
{
        return {Level::warning, std::move(text)};
}

} // namespace

Ec2Facts earlier_answers(const Root& root, const InstanceFacts& facts)
{
        const auto document = try_parse_json(read_file_if_exists(root(ec2_copy_path)).value_or(""));
        if (!document.is_object() || document.value("instanceId", Json()) != facts.instance_id ||
                document.value(host_key, Json()) != facts.local_hostname)
                return {};

        try {
                auto answers = parse_ec2_facts(document);
                answers.instance_type.clear();
                return answers;
        } catch (const Json::exception&) {
                return {};
        }
}

Ec2Needs remaining_needs(Ec2Needs needs, const Ec2Facts& known)
{
        needs.name = needs.name && known.private_dns_name.empty();
        needs.zone = needs.zone && known.availability_zone.empty();
        if (known.types.contains(needs.limits_of))
                needs.limits_of.clear();
        return needs;
}

Ec2Instance wait_for_instance(const std::string& instance_id, bool needs_name, const Ec2World& world)
{
        milliseconds waited{0};
        for (auto pause = first_pause;; pause = std::min(pause * 2, longest_pause)) {
                std::string missing;
                try {
                        auto instance = parse_instance(
                                world.describe_instance(describe_instance_request(instance_id)),
                                instance_id);
                        if (!needs_name || !instance.private_dns_name.empty())
                                return instance;
                        missing = fmt::format("EC2 has not given '{}' a private DNS name yet", instance_id);
                } catch (const AwsRefused& e) {
                        if (!is_unknown_instance(e))
                                throw;
                        missing = fmt::format("EC2 does not know '{}' yet", instance_id);
                }

                const auto time = jittered(pause);
                if (waited + time > world.limit)
                        throw Error(failure::private_name_missing,
                                fmt::format("{}, after {} s", missing,
                                        std::chrono::duration_cast<std::chrono::seconds>(world.limit)
                                                .count()),
                                "Check that DNS hostnames are enabled in the VPC, and that the region is the "
                                "instance's own; or name nodes after their instance id, with "
                                "featureGates.InstanceIdNodeName");
                world.wait(time, missing);
                waited += time;
        }
}

Ec2Answers ask_ec2(
        const NodeInputs& node, const Ec2Needs& needs, const Ec2Facts& known, const Ec2World& world)
{
        Ec2Answers answers{known, {}};
        auto& facts = answers.facts;
        auto limits_of = needs.limits_of;

        if (needs.instance()) {
                try {
                        const auto instance = wait_for_instance(node.facts.instance_id, needs.name, world);
                        facts.private_dns_name = instance.private_dns_name;
                        facts.instance_type = instance.instance_type;
                        facts.availability_zone = instance.availability_zone;
                } catch (const Error& e) {
                        if (needs.zone || needs.type || node.facts.local_hostname.empty())
                                throw;
                        answers.notes.push_back(warning(fmt::format(
                                "EC2 does not tell the node's private DNS name, proceeding with the name of "
                                "the host, '{}', by which the cluster may not admit it: {}. {}",
                                node.facts.local_hostname, e.what(), e.remedy())));
                }

                if (needs.type && !find_instance_type(node.root, facts.instance_type) &&
                        !facts.types.contains(facts.instance_type))
                        limits_of = facts.instance_type;
        }

        if (!limits_of.empty()) {
                try {
                        facts.types.insert_or_assign(limits_of,
                                instance_type(parse_type(
                                        world.describe_type(describe_type_request(limits_of)), limits_of)));
                } catch (const Error& e) {
                        answers.notes.push_back(warning(fmt::format(
                                "EC2 does not tell how many addresses '{}' has, proceeding with kubelet's "
                                "default number of pods: {}. {}, or set kubelet.config.maxPods",
                                limits_of, e.what(), e.remedy())));
                }
        }

        return answers;
}

StepPlan plan_ec2(const InstanceFacts& facts, const Ec2Answers& answers)
{
        auto document = render_ec2_facts(answers.facts, facts.instance_id);
        const auto content = document.dump(2) + "\n";
        document[host_key] = facts.local_hostname;

        return {.files = {{.path = std::string(ec2_path), .content = content},
                        {.path = std::string(ec2_copy_path), .content = document.dump(2) + "\n"}},
                .notes = answers.notes};
}

} // namespace eks
