// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "verbs/logs/files.hpp"

namespace eks {

// What the kernel says of all processes and control groups: "processes", "environments", "cpu" or "io".
std::string proc_table(std::string_view name, LogClock::time_point end);

} // namespace eks
