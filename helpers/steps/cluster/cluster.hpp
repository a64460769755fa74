// SPDX-License-Identifier: Apache-2.0
// eks-cluster: asks EKS for the values of the cluster that the configuration lacks.
// Reads: /run/eks/node.json, /run/eks/imds.json, EKS DescribeCluster. Writes: /run/eks/cluster.json. Again:
// EKS is asked again; the same answer, the same file.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "net/aws_call.hpp"
#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

// The cluster to ask about, and the credentials.
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

        // Whether nodes can join. This includes a cluster that is being updated, because its API server
        // keeps running.
        bool is_usable() const;
};

// The status is always set, the other values as far as EKS knows them. Throws Error (aws_answer) if it is
// not an answer about that cluster.
ClusterAnswer parse_cluster(const std::string& body, const std::string& name);

// The defaults of AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT: FIPS if the kernel is in FIPS mode
// and the region has such endpoints, dual stack if the instance has no IPv4 address. Throws Error (usage).
EndpointKind eks_endpoint(const InstanceFacts& facts, bool fips_kernel);

// The request. Throws nothing.
AwsRequest describe_request(const std::string& name);

// The same refusal, explained for this cluster: cluster_denied, cluster_not_found, or its own failure.
Error explain_refusal(const AwsRefused& refusal, const ClusterQuestion& question);

struct ClusterWorld {
        std::function<std::string()> describe; // the body of one answer; throws Error
        // `time` is the pause until the next request; `status` is for `systemctl status`.
        std::function<void(std::chrono::milliseconds time, const std::string& status)> wait;
        std::chrono::milliseconds limit; // while the cluster is being created
};

// Ask until the cluster is usable. Throws Error: cluster_unusable if it has failed, cluster_not_ready at the
// limit, aws_answer, and what `describe` throws; AwsRefused as explain_refusal() has it.
ClusterAnswer wait_for_cluster(const ClusterQuestion& question, const ClusterWorld& world);

// Throws Error (facts_missing) without a region.
ClusterQuestion question_about(const std::string& name, const Json& imds);

// What is said while EKS is asked.
struct ClusterWatch {
        std::function<void(const std::string&)> say;          // the status texts
        std::function<void(std::chrono::seconds)> until = {}; // how long the wait that begins may take
        std::function<void(const std::string&)> warn = [](const std::string&) {};
};

// The same with requests to EKS: fails after 2 minutes without an answer, after 10 minutes of throttling,
// and after $EKS_CLUSTER_TIMEOUT seconds if the cluster is still being created. Throws Error: those of
// wait_for_cluster() and aws_call(), usage.
ClusterAnswer ask_eks(const Root& root, const ClusterQuestion& question, const InstanceFacts& facts,
        const ClusterWatch& watch);

// The file for the steps that need the answer. The configuration completed with it passes the same checks as
// in eks-config. Throws Error (config_invalid).
StepPlan plan_cluster(const NodeDocument& document, const Json& imds, const ClusterQuestion& question,
        const ClusterAnswer& answer);

} // namespace eks
