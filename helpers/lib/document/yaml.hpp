// SPDX-License-Identifier: Apache-2.0
// YAML as Kubernetes' tools read it: scalars of YAML 1.1, merge keys, the last of two equal keys wins.
#pragma once

#include <string>
#include <string_view>

#include "document/layer.hpp"

namespace eks {

inline constexpr std::size_t yaml_depth_limit = 64; // levels; NodeConfig needs fewer than ten

// Throws Error (config_syntax) that sends the author to `eksnode validate`.
[[noreturn]] void refuse_document(const Where& where, std::string_view what);

// Line and column, in bytes, of an offset into `text`; of its end for offsets beyond.
Where place_at(std::string_view text, std::size_t offset, const std::string& source);

// The value of a scalar without quotes: null, a boolean, a number or a string.
Json yaml_plain_scalar(const std::string& text);

// The first document of a stream. The marks of its keys go to the layer, with columns in characters, and a
// note about a key that is set twice, and about a second document.
// Throws Error (config_syntax) with line and column at invalid YAML, at nesting beyond the limit, or if
// there are more than 100,000 values after aliases are followed.
Json parse_yaml(std::string_view text, Layer& layer);

} // namespace eks
