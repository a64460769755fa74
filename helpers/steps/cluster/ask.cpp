// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "steps/cluster/cluster.hpp"

namespace eks {

namespace {

using std::chrono::seconds;

constexpr seconds default_limit{1200};  // while the cluster is being created; as in the AWS CLI's waiter
constexpr seconds answer_limit{120};    // for EKS to answer
constexpr seconds throttled_limit{600}; // for EKS to answer something else than that it throttles

} // namespace

ClusterQuestion question_about(const std::string& name, const Json& imds)
{
        return in_context(imds_path, failure::facts_missing, [&] {
                const auto region = require(imds.value("region", std::string()), "region");
                return ClusterQuestion{.name = name,
                        .region = region,
                        .partition = std::string(partition_of(region).name),
                        .account = imds.value("accountId", std::string("of this instance"))};
        });
}

ClusterAnswer ask_eks(const Root& root, const ClusterQuestion& question, const InstanceFacts& facts,
        const CallWatch& watch)
{
        const auto limit = environment_seconds("EKS_CLUSTER_TIMEOUT", default_limit);
        WatchedCalls eks({.name = "eks",
                                 .region = question.region,
                                 .endpoint = endpoint_kind_of_instance(
                                         facts.region, !facts.local_ipv4.empty(), fips_kernel(root))},
                fmt::format(
                        "Asking EKS in {} for the cluster '{}', of which the configuration does not have "
                        "everything",
                        question.region, question.name),
                {.answer = answer_limit, .throttled = throttled_limit, .wait = limit}, watch);

        return wait_for_cluster(
                question, {.describe =
                                          [&] {
                                                  return eks.call(describe_request(question.name),
                                                          "eks:DescribeCluster");
                                          },
                                  .wait = [&](std::chrono::milliseconds time,
                                                  const std::string& status) { eks.wait(time, status); },
                                  .limit = limit});
}

} // namespace eks
