// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

template std::string nlohmann::basic_json<>::dump(int, char, bool, error_handler_t) const;
template nlohmann::basic_json<>::basic_json(initializer_list_t, bool, value_t);
template nlohmann::basic_json<>::basic_json(const nlohmann::basic_json<>&);
template nlohmann::basic_json<>& nlohmann::basic_json<>::operator[](std::string);
template void nlohmann::basic_json<>::json_value::destroy(value_t);
template void nlohmann::basic_json<>::push_back(nlohmann::basic_json<>&&);
template const nlohmann::basic_json<>& nlohmann::basic_json<>::operator[](const std::string&) const;
template const nlohmann::basic_json<>& nlohmann::basic_json<>::operator[](std::size_t) const;
template const nlohmann::basic_json<>& nlohmann::basic_json<>::at(const std::string&) const;
template void nlohmann::basic_json<>::merge_patch(const nlohmann::basic_json<>&);
template class nlohmann::json_pointer<std::string>;
template std::string nlohmann::basic_json<nlohmann::ordered_map>::dump(
        int, char, bool, error_handler_t) const;
template void nlohmann::basic_json<nlohmann::ordered_map>::json_value::destroy(value_t);
#if NLOHMANN_JSON_VERSION_MAJOR == 3 && NLOHMANN_JSON_VERSION_MINOR >= 11
template void nlohmann::basic_json<>::assert_invariant(bool) const;
template const char* nlohmann::basic_json<>::type_name() const;
template nlohmann::detail::type_error nlohmann::detail::type_error::create(
        int, const std::string&, const nlohmann::basic_json<>*);
template nlohmann::detail::invalid_iterator nlohmann::detail::invalid_iterator::create(
        int, const std::string&, const nlohmann::basic_json<>*);
template nlohmann::detail::out_of_range nlohmann::detail::out_of_range::create(
        int, const std::string&, const nlohmann::basic_json<>*);
#endif

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
