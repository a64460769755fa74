// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace eks {

// A path in a table of /proc, in which the kernel writes blanks and backslashes as \ and three octal digits.
std::string unescaped(std::string_view text);

} // namespace eks
