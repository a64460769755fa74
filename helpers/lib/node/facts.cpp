// SPDX-License-Identifier: Apache-2.0
#include "node/facts.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

Json parse_facts(std::string_view path, const std::string& text)
{
        try {
                return Json::parse(text);
        } catch (const Json::parse_error& e) {
                const auto before = std::string_view(text).substr(0, e.byte > 0 ? e.byte - 1 : 0);
                const auto line_start = before.rfind('\n') + 1; // npos + 1 is 0
                throw Error(failure::facts_missing,
                        fmt::format("'{}' is not JSON: line {}, column {}", path,
                                1 + std::ranges::count(before, '\n'), before.size() - line_start + 1),
                        "Correct the file, or remove it and let the step that wrote it run again");
        } catch (const Json::exception& e) {
                throw Error(failure::facts_missing, fmt::format("'{}' has a number that is too large", path),
                        "Correct the file, or remove it and let the step that wrote it run again");
        }
}

} // namespace eks
