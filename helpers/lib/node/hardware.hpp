// SPDX-License-Identifier: Apache-2.0
// Labels of the machine in the words of Node Feature Discovery, so that a pod may ask for a CPU instruction
// or a kind of device on a cluster where that daemon does not run. Names: its page "Feature labels".
#pragma once

#include "base/root.hpp"
#include "node/registration.hpp"

namespace eks {

// feature.node.kubernetes.io/…, from /proc, /sys, /boot and os-release. What cannot be read, or cannot be
// spelt as a label, is left out.
Labels hardware_labels(const Root& root);

} // namespace eks
