// SPDX-License-Identifier: Apache-2.0
// The checks of cluster: its name, its API server, its addresses.
#pragma once

#include "checks/check_report.hpp"

namespace eks {

// `tree` is that of a layer; `imds` the object of /run/eks/imds.json, or null if the facts are unknown.
void check_cluster(const Json& tree, const Json& imds, const CheckReport& report);

} // namespace eks
