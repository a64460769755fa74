// SPDX-License-Identifier: Apache-2.0
// Checks that need more than one value, or knowledge beyond the schema.
#pragma once

#include <vector>

#include "config/node_spec.hpp"

namespace eks {

// `spec` is that of `merged`, which has passed check_layer(); `imds` is the object of /run/eks/imds.json, or
// null if the facts are unknown. A value that kubelet or the cluster would refuse is a problem. One that
// works, but probably not as intended, is a warning. If one layer overrides another, that is a note of level
// info.
void check_values(const NodeSpec& spec, const Layer& merged, const Json& imds, Problems& problems,
        std::vector<Note>& notes);

} // namespace eks
