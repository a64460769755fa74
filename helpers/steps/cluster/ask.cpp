// SPDX-License-Identifier: Apache-2.0
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "base/log.hpp"
#include "net/aws_retry.hpp"
#include "steps/cluster/cluster.hpp"

namespace eks {

namespace {

using std::chrono::seconds;

constexpr seconds default_limit{1200};  // while the cluster is being created; as in the AWS CLI's waiter
constexpr seconds answer_limit{120};    // for EKS to answer
constexpr seconds throttled_limit{600}; // for EKS to answer something else than that it throttles
constexpr seconds unit_margin{30};      // so that the manager waits longer than we do

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
        const ClusterWatch& watch)
{
        const auto limit = environment_seconds("EKS_CLUSTER_TIMEOUT", default_limit);
        const auto kind = eks_endpoint(facts, fips_kernel(root));
        const auto asking = fmt::format(
                "Asking EKS in {} for the cluster '{}', of which the configuration does not have everything",
                question.region, question.name);
        const auto begin_wait = [&](seconds time) {
                if (watch.until)
                        watch.until(time);
        };

        const auto extend_timeout = [](std::chrono::milliseconds pause) {
                const auto next = std::chrono::ceil<seconds>(pause) + answer_limit + unit_margin;
                notify_extend_timeout(static_cast<unsigned>(next.count()));
        };

        bool throttled = false;
        const auto describe = [&] {
                watch.say(asking);
                const auto now = std::chrono::steady_clock::now();
                return aws_call("eks", question.region, describe_request(question.name),
                        {.credentials = {},
                                .endpoint = kind,
                                .deadline = now + std::min(limit, answer_limit),
                                .on_retry =
                                        [&](const std::string& what) {
                                                watch.say(fmt::format("{}: {}", asking, what));
                                                extend_timeout(longest_retry_delay);
                                        },
                                .throttled_deadline = now + std::min(limit, throttled_limit),
                                .on_throttled =
                                        [&] {
                                                if (!std::exchange(throttled, true))
                                                        begin_wait(std::min(limit, throttled_limit));
                                        },
                                .action = "eks:DescribeCluster",
                                .on_warning = watch.warn});
        };

        bool answered = false;
        const auto wait = [&](std::chrono::milliseconds time, const std::string& status) {
                if (!std::exchange(answered, true))
                        begin_wait(limit);
                watch.say(status);
                extend_timeout(time);
                std::this_thread::sleep_for(time);
        };

        begin_wait(std::min(limit, answer_limit));
        return wait_for_cluster(question, {.describe = describe, .wait = wait, .limit = limit});
}

} // namespace eks
