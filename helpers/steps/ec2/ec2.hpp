// SPDX-License-Identifier: Apache-2.0
// eks-ec2: asks EC2 for what neither the instance metadata nor our table of instance types tells.
// Reads: /run/eks/node.json, /run/eks/imds.json, EC2 DescribeInstances and DescribeInstanceTypes, the copy.
// Writes: /run/eks/ec2.json and a copy for later boots, /var/lib/eks/ec2.json. Again: EC2 is asked only for
// what the copy lacks.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "net/ec2.hpp"
#include "net/watched_calls.hpp"
#include "node/ec2_needs.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr std::string_view ec2_copy_path = "/var/lib/eks/ec2.json";

// The answers of earlier boots, as far as they still hold: of this instance, and of the host name that it
// has now, because EC2 gives another private DNS name if the type of the host name is changed. An instance
// may have another type after a stop. Empty if the file is broken.
Ec2Facts earlier_answers(const Root& root, const InstanceFacts& facts);

// The needs that these answers leave.
Ec2Needs remaining_needs(Ec2Needs needs, const Ec2Facts& known);

struct Ec2World {
        // The body of one answer. Throws Error.
        std::function<std::string(const AwsRequest&)> describe_instance;
        std::function<std::string(const AwsRequest&)> describe_type;
        // `time` is the pause until the next request; `status` is for `systemctl status`.
        std::function<void(std::chrono::milliseconds time, const std::string& status)> wait;
        std::chrono::milliseconds limit; // until EC2 knows the instance, and its name
};

// With requests to EC2, which fail after 2 minutes without an answer (30 s for the limits of a type) or 10
// minutes of throttling. $EKS_EC2_TIMEOUT is the limit in seconds, 10 minutes by default. Throws Error
// (usage).
Ec2World ec2_world(const NodeInputs& node, const Ec2Needs& needs, const CallWatch& watch);

// Calls DescribeInstances again while EC2 does not know the instance yet, or has not given it the private
// DNS name that is needed. Throws Error: private_name_missing at the limit, aws_answer, and what the call
// throws.
Ec2Instance wait_for_instance(const std::string& instance_id, bool needs_name, const Ec2World& world);

struct Ec2Answers {
        Ec2Facts facts;
        std::vector<Note> notes;
};

// Adds the answers of EC2 to `known`. What the node can do without gives a warning instead of an error: it
// is then named after its host, and runs kubelet's default number of pods. Throws Error otherwise, as
// wait_for_instance().
Ec2Answers ask_ec2(
        const NodeInputs& node, const Ec2Needs& needs, const Ec2Facts& known, const Ec2World& world);

StepPlan plan_ec2(const InstanceFacts& facts, const Ec2Answers& answers);

} // namespace eks
