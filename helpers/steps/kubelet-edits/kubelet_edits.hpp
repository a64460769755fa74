// SPDX-License-Identifier: Apache-2.0
// eks-kubelet-edits: turns a script's changes of kubelet-config.json after its call of bootstrap.sh into a
// layer, so that kubelet gets them when it is started again. Reads: kubelet-config.json, the last rendering,
// every layer. Writes: the layer, and kubelet-config.json as a link; it runs the steps whose files would
// differ. Again: the link exists, and the unit is skipped.
#pragma once

#include "systemd/manager.hpp"
#include "systemd/step.hpp"

namespace eks {

// Throws Error: config_syntax and config_invalid for invalid edits, and then nothing was changed; those of
// plan_node() and take_over().
void take_over_kubelet_edits(Context& context, Manager& manager);

} // namespace eks
