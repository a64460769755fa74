// SPDX-License-Identifier: Apache-2.0
// eks-kubelet-edits: what a script changed in kubelet-config.json after its call of bootstrap.sh becomes a
// layer, and kubelet gets it when it is started again. Reads: kubelet-config.json, what was rendered last,
// every layer again. Writes: the layer, and kubelet-config.json as a link; it has the steps whose files
// would differ run again. Again: the link is there, and the unit is skipped.
#pragma once

#include "base/manager.hpp"
#include "base/step.hpp"

namespace eks {

// Throws Error: config_syntax and config_invalid for edits that are wrong, and then nothing was changed;
// those of plan_node() and take_over().
void take_over_kubelet_edits(Context& context, Manager& manager);

} // namespace eks
