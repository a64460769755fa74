// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.hpp"

namespace eks {

nlohmann::json parse_json(std::string_view text)
{
        return nlohmann::json::parse(text);
}

nlohmann::json try_parse_json(std::string_view text)
{
        return nlohmann::json::parse(text, nullptr, false);
}

} // namespace eks
