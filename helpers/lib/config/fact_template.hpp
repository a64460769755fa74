// SPDX-License-Identifier: Apache-2.0
// ${imds.KEY} and ${tag.KEY} in labels and taints: facts of the instance that are known only once it runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "document/layer.hpp"

namespace eks {

struct Expanded {
        std::optional<std::string> text; // nothing if it is invalid, or unknown without facts
        std::string wrong = {};          // the error text
        std::string remedy = {};
};

// The text with facts in place of ${imds.KEY}, for a KEY of imds.json(5) that is short, public and one word,
// and of ${tag.KEY}, for a tag of the instance. ${tag.KEY:-VALUE} is VALUE where the fact is absent. `imds`
// is the file of eks-imds, or null: then only the syntax is checked.
Expanded expand_facts(std::string_view text, const Json& imds);

} // namespace eks
