// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/root.hpp"

namespace eks {

// The version of the hierarchy at /sys/fs/cgroup, as kubelet determines it: 2 if it is unified, else 1.
// Nothing if it is absent, as below the root of an image.
std::optional<int> cgroup_version(const Root& root);

} // namespace eks
