// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/root.hpp"

namespace eks {

// The machine's memory in MiB: the online blocks in sysfs, which include the kernel's own memory; MemTotal
// of /proc/meminfo if there are no such blocks, as in a container. Throws Error (file_io) if both are
// absent, or malformed.
std::uint64_t online_memory_mib(const Root& root);

// Whether the machine has so many MiB, by the same rules. Avoids reading the blocks, because a large machine
// has thousands. Throws Error (file_io).
bool has_memory_mib(const Root& root, std::uint64_t mib);

} // namespace eks
