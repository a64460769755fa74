// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "document/layer.hpp"

namespace eks {

// The JSON of a file of facts, such as imds.json. Throws Error (facts_missing) with the line and column.
Json parse_facts(std::string_view path, const std::string& text);

} // namespace eks
