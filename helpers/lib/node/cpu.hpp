// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/root.hpp"

namespace eks {

// Online CPUs by sysfs, in milliCPU (1000 a CPU). Throws Error (file_io) if sysfs lists none or is
// malformed.
unsigned online_millicpus(const Root& root);

} // namespace eks
