// SPDX-License-Identifier: Apache-2.0
// eksnode plan --chain: the whole boot on one page, from the installed units and what each step says of
// itself.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.hpp"

namespace eks {

// What a unit file says, as far as the chain is concerned. Drop-ins are not read.
struct ChainUnit {
        std::string name; // "eks-ca"
        std::string description;
        std::vector<std::string> conditions; // "ConditionPathExists=/run/eks/enabled/hosts"
        std::vector<std::string> after;      // other units of ours, without suffix
};

ChainUnit parse_unit(const std::string& name, const std::string& text);

// Each after those that it is ordered after, otherwise by name.
std::vector<ChainUnit> in_order(std::map<std::string, ChainUnit> units);

// `describe` returns what a step's program prints with --describe, or null for a unit that runs another
// program.
std::string render_chain(
        const std::vector<ChainUnit>& units, const std::function<Json(const std::string& name)>& describe);

} // namespace eks
