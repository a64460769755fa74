// SPDX-License-Identifier: Apache-2.0
// The files that the steps have written, as kubelet and containerd will read them: someone may have edited
// them.
#pragma once

#include "base/root.hpp"
#include "node/node.hpp"
#include "verbs/validate/validate.hpp"

namespace eks {

// Adds what the daemons of these versions would refuse or ignore. Absent files are left out.
void check_rendered_files(const Root& root, const Versions& versions, Findings& findings);

} // namespace eks
