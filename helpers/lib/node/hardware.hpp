// SPDX-License-Identifier: Apache-2.0
// Labels of the machine as of Node Feature Discovery, so that a pod can select a CPU instruction or a kind
// of device on a cluster without that daemon. Names: its page "Feature labels".
#pragma once

#include "base/root.hpp"
#include "node/registration.hpp"

namespace eks {

// feature.node.kubernetes.io/…, from /proc, /sys, /boot and os-release. Values that cannot be read, or are
// not valid labels, are left out.
Labels hardware_labels(const Root& root);

} // namespace eks
