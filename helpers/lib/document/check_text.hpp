// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "document/problems.hpp"

namespace eks {

// Throws Error (config_syntax) with line and column at a NUL byte or invalid UTF-8, also for documents from
// files. The YAML library would stop at a NUL byte and keep invalid UTF-8, which no step could write.
void check_text(std::string_view text, const std::string& source);

// YAML in UTF-8, without a byte order mark: with a mark, go-yaml also reads UTF-16. Throws Error
// (config_syntax) at UTF-16 that ends in a character or has half a pair of surrogates.
std::string as_utf8(std::string_view text, const std::string& source);

// Put U+FFFD for each byte that is not UTF-8, as Go reads the strings of JSON. The place of the first one;
// nothing if there was none.
std::optional<Where> replace_invalid_utf8(std::string& text, const std::string& source);

// Without the one that some editors write at the beginning of UTF-8.
std::string_view without_byte_order_mark(std::string_view text);

} // namespace eks
