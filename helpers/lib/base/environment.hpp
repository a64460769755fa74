// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eks {

// The variable's value; "" if it is not set.
std::string environment(const char* name);

// A time limit that a drop-in of the unit may set, from a second to a day; `otherwise` if it is not set.
// Throws Error (usage).
std::chrono::seconds environment_seconds(const char* name, std::chrono::seconds otherwise);

// The variables of a file that eks-environment wrote: lines NAME="VALUE", in which a backslash hides the
// next character.
std::vector<std::pair<std::string, std::string>> parse_environment_file(std::string_view text);

} // namespace eks
