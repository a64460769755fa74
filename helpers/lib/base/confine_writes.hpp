// SPDX-License-Identifier: Apache-2.0
// More of base/confine.hpp, for a step that changes "/".
#pragma once

#include <string>
#include <vector>

namespace eks {

// As soon as the step knows its directories: from here on this process and its children write nothing
// outside them, and run only programs below /usr. Returns what failed and why, empty if nothing did.
std::string confine_writes(const std::vector<std::string>& directories);

} // namespace eks
