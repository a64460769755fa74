// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "node/max_pods.hpp"
#include "steps/ec2/ec2.hpp"

namespace eks {

namespace {

using std::chrono::seconds;

constexpr seconds default_limit{600};   // as nodeadm waits for the name
constexpr seconds answer_limit{120};    // for EC2 to answer
constexpr seconds throttled_limit{600}; // for EC2 to answer something else than that it throttles
constexpr seconds type_limit{30};       // a node can do without the limits of its type
constexpr seconds throttled_type_limit{120};

std::string wanted_of_instance(const Ec2Needs& needs)
{
        if (needs.name)
                return "for its private DNS name, which its metadata does not tell for certain";
        return "for its type and zone, which are not known without the metadata service";
}

} // namespace

Ec2World ec2_world(const NodeInputs& node, const Ec2Needs& needs, const CallWatch& watch)
{
        const auto limit = environment_seconds("EKS_EC2_TIMEOUT", default_limit);
        const auto region = require(node.facts.region, "region", node.facts.source);
        const WatchedCalls::Service ec2{.name = "ec2",
                .region = region,
                .endpoint = endpoint_kind_of_instance(
                        region, !node.facts.local_ipv4.empty(), fips_kernel(node.root)),
                .parse_error = ec2_error};

        const auto of_instance = std::make_shared<WatchedCalls>(ec2,
                fmt::format("Asking EC2 in {} about '{}', {}", region, node.facts.instance_id,
                        wanted_of_instance(needs)),
                CallLimits{.answer = answer_limit, .throttled = throttled_limit, .wait = limit}, watch);
        const auto of_type = std::make_shared<WatchedCalls>(ec2,
                fmt::format("Asking EC2 in {} how many addresses the instance type has, which '{}' lacks",
                        region, instance_types_path),
                CallLimits{.answer = type_limit, .throttled = throttled_type_limit, .wait = limit}, watch);

        return {.describe_instance =
                        [of_instance](const AwsRequest& request) {
                                return of_instance->call(request, describe_instances_action);
                        },
                .describe_type =
                        [of_type](const AwsRequest& request) {
                                return of_type->call(request, describe_types_action);
                        },
                .wait = [of_instance](std::chrono::milliseconds time,
                                const std::string& status) { of_instance->wait(time, status); },
                .limit = limit};
}

} // namespace eks
