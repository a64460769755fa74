// SPDX-License-Identifier: Apache-2.0
#include "steps/cluster/cluster.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "checks/described_cluster.hpp"
#include "net/jitter.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds first_delay = 1s; // between requests while the cluster is being created; doubles
constexpr milliseconds max_delay = 30s;  // as the AWS CLI's waiter has it

[[noreturn]] void bad_answer(std::string_view wrong)
{
        throw Error(failure::aws_answer, fmt::format("the answer of EKS DescribeCluster {}", wrong),
                "Check what answers for EKS: a proxy, or AWS_ENDPOINT_URL");
}

// A string at a path of the answer; "" if it is absent.
std::string text_at(const Json& answer, const char* pointer)
{
        const Json::json_pointer place(pointer);
        if (!answer.contains(place) || answer[place].is_null())
                return {};

        if (!answer[place].is_string())
                bad_answer(fmt::format("has a '{}' that is not text", pointer));
        auto text = answer[place].get<std::string>();
        if (has_control_characters(text))
                bad_answer(fmt::format("has a '{}' of more than one line", pointer));

        return text;
}

} // namespace

bool ClusterAnswer::is_usable() const
{
        const bool complete = cluster.contains("apiServerEndpoint") &&
                              cluster.contains("certificateAuthority") && cluster.contains("cidr");
        return status == "ACTIVE" || (status == "UPDATING" && complete);
}

ClusterAnswer parse_cluster(const std::string& body, const std::string& name)
{
        const auto answer = try_parse_json(body);
        if (!answer.is_object() || !answer.contains("cluster") || !answer["cluster"].is_object())
                bad_answer("is not about a cluster");
        if (text_at(answer, "/cluster/name") != name)
                bad_answer(fmt::format("is not about the cluster '{}'", name));
        ClusterAnswer result{.status = text_at(answer, "/cluster/status"),
                .version = text_at(answer, "/cluster/version"),
                .cluster = {{"name", name}}};
        if (result.status.empty())
                bad_answer("has no status");
        const bool ipv6 = text_at(answer, "/cluster/kubernetesNetworkConfig/ipFamily") == "ipv6";
        struct Part {
                const char* key;
                const char* pointer;
        };

        for (const auto& [key, pointer] : {Part{"apiServerEndpoint", "/cluster/endpoint"},
                     Part{"certificateAuthority", "/cluster/certificateAuthority/data"},
                     Part{"cidr", ipv6 ? "/cluster/kubernetesNetworkConfig/serviceIpv6Cidr"
                                       : "/cluster/kubernetesNetworkConfig/serviceIpv4Cidr"}})
                if (auto text = text_at(answer, pointer); !text.empty())
                        result.cluster[key] = std::move(text);

        // Only a local cluster on an Outpost has both; a cluster in the Region with nodes on an Outpost has
        // neither.
        if (!text_at(answer, "/cluster/outpostConfig/outpostArns/0").empty()) {
                result.cluster["enableOutpost"] = true;
                if (auto id = text_at(answer, "/cluster/id"); !id.empty())
                        result.cluster["id"] = std::move(id);
        }

        return result;
}

EndpointKind eks_endpoint(const InstanceFacts& facts, bool fips_kernel)
{
        auto kind = endpoint_kind_from_environment();
        if (environment("AWS_USE_FIPS_ENDPOINT").empty())
                kind.fips = fips_kernel && has_fips_endpoint(facts.region);
        if (environment("AWS_USE_DUALSTACK_ENDPOINT").empty())
                kind.dual_stack = facts.local_ipv4.empty();
        return kind;
}

AwsRequest describe_request(const std::string& name)
{
        return {.host = {}, .path = "/clusters/" + name, .query = {}, .headers = {}, .body = {}};
}

Error explain_refusal(const AwsRefused& refusal, const ClusterQuestion& question)
{
        const auto& [name, region, partition, account] = question;
        if (refusal.kind.starts_with("ResourceNotFound"))
                return {failure::cluster_not_found,
                        fmt::format("there is no cluster '{}' in the region {} of the account {}: {}", name,
                                region, account, refusal.what()),
                        "Check cluster.name: a node joins a cluster of its own region and account. If the "
                        "cluster is elsewhere, configure its endpoint, CA certificate and service CIDR"};
        if (refusal.is_denied())
                return {failure::cluster_denied,
                        fmt::format("{} may not call eks:DescribeCluster for the cluster '{}' in {}: {}",
                                refusal.caller(), name, region, refusal.what()),
                        fmt::format(
                                "Allow eks:DescribeCluster on arn:{}:eks:{}:{}:cluster/{} in the policies "
                                "of that role, or configure the cluster's endpoint, CA certificate and "
                                "service CIDR",
                                partition, region, account, name)};
        if (refusal.is_unknown_caller() && !refusal.says_why())
                return {failure::cluster_denied,
                        fmt::format("EKS in {} does not accept {} when asked for the cluster '{}': {}",
                                region, refusal.caller(), name, refusal.what()),
                        "Check the machine's clock with `timedatectl`, and that the region is enabled for the "
                        "account"};

        return {refusal.failure(), refusal.what(), refusal.remedy()};
}

ClusterAnswer wait_for_cluster(const ClusterQuestion& question, const ClusterWorld& world)
{
        milliseconds waited{0};
        for (auto delay = first_delay;; delay = std::min(delay * 2, max_delay)) {
                std::string body;
                try {
                        body = world.describe();
                } catch (const AwsRefused& e) {
                        throw explain_refusal(e, question);
                }

                auto answer = parse_cluster(body, question.name);
                if (answer.is_usable())
                        return answer;
                if (answer.status == "FAILED" || answer.status == "DELETING")
                        throw Error(failure::cluster_unusable,
                                fmt::format("the cluster '{}' in {} is {}", question.name, question.region,
                                        answer.status),
                                "See its health in the EKS console or with `aws eks describe-cluster`, "
                                "and set cluster.name to a working cluster");

                const auto time = jittered(delay);
                if (waited + time > world.limit)
                        throw Error(failure::cluster_not_ready,
                                fmt::format("the cluster '{}' in {} is still {} after {} s", question.name,
                                        question.region, answer.status,
                                        std::chrono::duration_cast<std::chrono::seconds>(world.limit)
                                                .count()),
                                "Start nodes when the cluster is ACTIVE, or set EKS_CLUSTER_TIMEOUT= higher");

                world.wait(time, fmt::format("Waiting for the cluster '{}' to be ACTIVE; it is {}",
                                         question.name, answer.status));
                waited += time;
        }
}

StepPlan plan_cluster(const NodeDocument& document, const Json& imds, const ClusterQuestion& question,
        const ClusterAnswer& answer)
{
        StepPlan plan;
        auto spec = document.tree.at("spec");
        auto marks = document.marks;
        complete_cluster(spec, marks, answer.cluster, plan.notes);
        problems_of_completed(spec, marks, imds, plan.notes).throw_if_any(failure::config_invalid);

        Json file{{"cluster", answer.cluster}, {"region", question.region}, {"status", answer.status}};
        if (!answer.version.empty())
                file["version"] = answer.version;
        plan.files.push_back({.path = std::string(cluster_path), .content = file.dump(2) + "\n"});

        return plan;
}

} // namespace eks
