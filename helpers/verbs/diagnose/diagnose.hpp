// SPDX-License-Identifier: Apache-2.0
// eksnode diagnose: looks for what keeps this machine from being a Ready node, or would: each question is
// asked by a process of its own, all side by side, under deadlines.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.hpp"
#include "node/node.hpp"
#include "verbs/host/host.hpp"

namespace eks {

// What is known of this machine; each part may be absent.
struct Machine {
        Root root;
        std::optional<NodeInputs>
                node;            // with the cluster, if EKS has been asked; absent before eks-config has run
        InstanceFacts facts;     // empty before eks-imds has run
        std::string why_no_node; // for messages, if `node` is absent
};

Machine look_at_machine(const Root& root);

// A subject and its answers, of which each is a Check of `eksnode host check`'s kind. Anything it throws is
// a problem of that name.
struct Question {
        std::string_view name;
        std::string_view about;
        std::vector<Check> (*ask)(const Machine&);
};

// In the order of the manual page: from the network to the node.
const std::vector<Question>& questions();

// Asks those of these names, or all. `limit` is the deadline of each. Throws Error (usage) for an unknown
// name.
std::vector<Check> diagnose(
        const Machine& machine, const std::vector<std::string>& names, std::chrono::milliseconds limit);

// "× 2 problems: api-server, kubelet; 1 warning", "● Nothing found that hinders this node".
std::string verdict_of(const std::vector<Check>& checks);

// Those that are not ok, problems first; with `all`, the others too.
std::string render_diagnosis(const std::vector<Check>& checks, bool all);

// Of a question that is asked once, within `limit`.
HttpOptions one_attempt(std::chrono::milliseconds limit);

std::vector<Check> ask_metadata(const Machine& machine); // the parts, by subject
std::vector<Check> ask_clock(const Machine& machine);
std::vector<Check> ask_name_servers(const Machine& machine);
std::vector<Check> ask_api_server(const Machine& machine);
std::vector<Check> ask_membership(const Machine& machine);
std::vector<Check> ask_credentials(const Machine& machine);
std::vector<Check> ask_ecr(const Machine& machine);
std::vector<Check> ask_s3(const Machine& machine);
std::vector<Check> ask_ec2(const Machine& machine);
std::vector<Check> ask_sts(const Machine& machine);
std::vector<Check> ask_eks(const Machine& machine);
std::vector<Check> ask_proxy(const Machine& machine);

std::vector<Check> ask_kubelet(const Machine& machine);
std::vector<Check> ask_containerd(const Machine& machine);
std::vector<Check> ask_sandbox_image(const Machine& machine);
std::vector<Check> ask_cni(const Machine& machine);
std::vector<Check> ask_disks(const Machine& machine);
std::vector<Check> ask_ports(const Machine& machine);
std::vector<Check> ask_max_pods(const Machine& machine);
std::vector<Check> ask_files(const Machine& machine);
std::vector<Check> ask_devices(const Machine& machine);
std::vector<Check> ask_certificates(const Machine& machine);
std::vector<Check> ask_host(const Machine& machine);

} // namespace eks
