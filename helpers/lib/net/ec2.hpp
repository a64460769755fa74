// SPDX-License-Identifier: Apache-2.0
// EC2's query API, which answers in XML: the requests that a node may need, and what is in the answers.
// Source: Amazon EC2 API Reference, version 2016-11-15. Pure functions; aws_call() sends the requests.
#pragma once

#include <string>
#include <string_view>

#include "net/aws_call.hpp"
#include "net/sigv4.hpp"

namespace eks {

inline constexpr std::string_view describe_instances_action = "ec2:DescribeInstances"; // of IAM
inline constexpr std::string_view describe_types_action = "ec2:DescribeInstanceTypes";

AwsRequest describe_instance_request(std::string_view instance_id);
AwsRequest describe_type_request(std::string_view instance_type);

// What EC2 says of an instance; what it does not say is empty.
struct Ec2Instance {
        std::string private_dns_name; // empty while EC2 has not given the name yet
        std::string instance_type;
        std::string availability_zone;
};

// Throws Error (aws_answer) if the answer is not about exactly that instance.
Ec2Instance parse_instance(const std::string& body, std::string_view instance_id);

// The columns of instance-types.tsv.
struct Ec2Type {
        unsigned max_enis = 0; // network interfaces of the default network card
        unsigned ipv4_per_eni = 0;
        unsigned vcpus = 0;
        std::string hypervisor; // "nitro", "xen"; empty for bare metal
};

// Throws Error (aws_answer) if the answer is not about that type, or a number is missing.
Ec2Type parse_type(const std::string& body, std::string_view instance_type);

// The error in an answer of EC2, for AwsCallOptions::parse_error. Empty if there is none. Throws nothing.
AwsError ec2_error(const std::string& body);

// Whether EC2 does not know the instance (yet): a new one is not known everywhere at once.
bool is_unknown_instance(const AwsRefused& refusal);

} // namespace eks
