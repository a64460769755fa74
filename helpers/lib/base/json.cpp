// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

template std::string nlohmann::basic_json<>::dump(int, char, bool, error_handler_t) const;
template nlohmann::basic_json<>::basic_json(initializer_list_t, bool, value_t);
template nlohmann::basic_json<>::basic_json(const nlohmann::basic_json<>&);
template nlohmann::basic_json<>& nlohmann::basic_json<>::operator[](std::string);
template void nlohmann::basic_json<>::json_value::destroy(value_t);
template std::string nlohmann::basic_json<nlohmann::ordered_map>::dump(
        int, char, bool, error_handler_t) const;
template void nlohmann::basic_json<nlohmann::ordered_map>::json_value::destroy(value_t);

namespace eks {

Json parse_json(std::string_view text)
{
        return Json::parse(text);
}

OrderedJson parse_ordered_json(std::string_view text)
{
        return OrderedJson::parse(text);
}

Json try_parse_json(std::string_view text)
{
        return Json::parse(text, nullptr, false);
}

} // namespace eks
