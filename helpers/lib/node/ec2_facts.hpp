// SPDX-License-Identifier: Apache-2.0
// What EC2 has said of this instance, for a node whose metadata does not say it: /run/eks/ec2.json.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/root.hpp"
#include "node/instance_type.hpp"

namespace eks {

inline constexpr std::string_view ec2_path = "/run/eks/ec2.json";

struct Ec2Facts {
        std::string private_dns_name;
        std::string instance_type;
        std::string availability_zone;
        std::map<std::string, InstanceType, std::less<>> types; // those that it was asked about
};

// Absent keys are empty. Throws what JSON throws for another type.
Ec2Facts parse_ec2_facts(const Json& document);
Json render_ec2_facts(const Ec2Facts& facts, std::string_view instance_id);

// The file; empty if it is not there, or about another instance, as in a copy of a disk. Throws Error
// (facts_missing) if it is broken.
Ec2Facts load_ec2_facts(const Root& root, std::string_view instance_id, std::string_view path = ec2_path);

} // namespace eks
