// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace eks {

// Throws Error (config_syntax) with line and column at a NUL byte or what is not UTF-8: the YAML library
// would stop at the one and keep the other, which no step could write down again. For documents from files
// too.
void check_text(std::string_view text, const std::string& source);

} // namespace eks
