// SPDX-License-Identifier: Apache-2.0
// Settings of the kernel that sysctl(8) does not have: the keys `hugepages` and `limits`.
#pragma once

#include <vector>

#include "config/sysctl_settings.hpp"

namespace eks {

// Huge pages as parameters: the name is the absolute path of a file in sysfs, the value a number of pages.
// Sorted by key. Invalid sizes, NUMA nodes and numbers go to `problems`.
std::vector<Sysctl> huge_pages(const Json& tree, const Marks& marks, Problems& problems);

// Limits of containers as a list like process.rlimits of the OCI runtime specification, sorted by key.
Json container_limits(const Json& tree, const Marks& marks, Problems& problems);

} // namespace eks
