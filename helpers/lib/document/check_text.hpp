// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace eks {

// Throws Error (config_syntax) with line and column at a NUL byte or invalid UTF-8, also for documents from
// files. The YAML library would stop at a NUL byte and keep invalid UTF-8, which no step could write.
void check_text(std::string_view text, const std::string& source);

// Without the one that some editors write at the beginning of UTF-8.
std::string_view without_byte_order_mark(std::string_view text);

} // namespace eks
