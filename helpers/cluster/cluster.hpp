// SPDX-License-Identifier: Apache-2.0
// eks-cluster: what the configuration does not say of the cluster that it names, from EKS.
// Reads: /run/eks/node.json, /run/eks/imds.json, EKS DescribeCluster. Writes: /run/eks/cluster.json. Again:
// EKS is asked again; the same answer, the same file.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/step.hpp"
#include "net/aws_call.hpp"
#include "node/node.hpp"

namespace eks {

// Whom to ask about which cluster.
struct ClusterQuestion {
        std::string name;
        std::string region;
        std::string partition;
        std::string account; // of the instance
};

// An answer of DescribeCluster.
struct ClusterAnswer {
        std::string status;  // "ACTIVE"
        std::string version; // of Kubernetes, "1.34"
        Json cluster;        // keys of cluster, as NodeConfig has them

        // Nodes can join: an update of a cluster leaves its API server at work.
        bool is_usable() const;
};

// The status is there, and all else as far as EKS knows it by then. Throws Error (aws_answer) for what is no
// answer about that cluster.
ClusterAnswer parse_cluster(const std::string& body, const std::string& name);

// Where AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT do not say it: FIPS for a kernel in FIPS mode
// in a region that has it, dual stack for an instance without an IPv4 address. Throws Error (usage).
EndpointKind eks_endpoint(const InstanceFacts& facts, bool fips_kernel);

// The request. Throws nothing.
AwsRequest describe_request(const std::string& name);

// The same refusal, with what it means for this cluster: cluster_denied, cluster_not_found, aws_refused.
Error explain_refusal(const AwsRefused& refusal, const ClusterQuestion& question);

struct ClusterWorld {
        std::function<std::string()> describe; // the body of one answer; throws Error
        // The time is up to the next question; `status` is for `systemctl status`.
        std::function<void(std::chrono::milliseconds time, const std::string& status)> wait;
        std::chrono::milliseconds limit; // for a cluster that is being created
};

// Ask until the cluster is usable. Throws Error: cluster_unusable if it never will be, cluster_not_ready at
// the limit, aws_answer, and what `describe` throws; AwsRefused as explain_refusal() has it.
ClusterAnswer wait_for_cluster(const ClusterQuestion& question, const ClusterWorld& world);

// Throws Error (facts_missing) without a region.
ClusterQuestion question_about(const std::string& name, const Json& imds);

// The above, of EKS itself: what is not answered within 2 minutes fails, and a cluster that is being created
// is waited for for $EKS_CLUSTER_TIMEOUT seconds. `say` hears what is awaited. Throws Error: those of
// wait_for_cluster() and aws_call(), usage.
ClusterAnswer ask_eks(const Root& root, const ClusterQuestion& question, const InstanceFacts& facts,
        const std::function<void(const std::string&)>& say);

// The file for the steps that need the answer. The configuration that is complete with it is checked as
// eks-config checks one. Throws Error (config_invalid).
StepPlan plan_cluster(const NodeDocument& document, const Json& imds, const ClusterQuestion& question,
        const ClusterAnswer& answer);

} // namespace eks
