// SPDX-License-Identifier: Apache-2.0
// The types of kubelet's configuration and flags, by the schema of a version.
#pragma once

#include <vector>

#include "verbs/validate/kubelet_schema.hpp"

namespace eks {

// A field that this version lacks is ignored; with a wrong type kubelet does not start.
void check_types(const KubeletSchema& schema, const Json& config, unsigned minor,
        std::vector<KubeletFinding>& findings);

// kubelet does not start with a flag that this version lacks, or whose value it cannot parse.
void check_flags(const KubeletSchema& schema, const KubeletFlags& flags, unsigned minor,
        std::vector<KubeletFinding>& findings);

} // namespace eks
