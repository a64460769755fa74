// SPDX-License-Identifier: Apache-2.0
// Reading JSON. The parser is in libeksnode-runtime.so, because each program would have 40 KB of it.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

namespace eks {

// Throws nlohmann::json::parse_error.
[[gnu::visibility("default")]] nlohmann::json parse_json(std::string_view text);

// Or a value that is_discarded() if the text is no JSON.
[[gnu::visibility("default")]] nlohmann::json try_parse_json(std::string_view text);

} // namespace eks
