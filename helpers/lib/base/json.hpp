// SPDX-License-Identifier: Apache-2.0
// JSON trees. Their code is in libeksnode-base once: each program would have 40 to 120 KB of it.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

namespace eks {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json; // keys stay in the order in which they were added

} // namespace eks

// The members that are large or frequent; the whole class would be 450 KB.
extern template std::string nlohmann::basic_json<>::dump(int, char, bool, error_handler_t) const;
extern template nlohmann::basic_json<>::basic_json(initializer_list_t, bool, value_t);
extern template nlohmann::basic_json<>::basic_json(const nlohmann::basic_json<>&);
extern template nlohmann::basic_json<>& nlohmann::basic_json<>::operator[](std::string);
extern template void nlohmann::basic_json<>::json_value::destroy(value_t);
extern template void nlohmann::basic_json<>::push_back(nlohmann::basic_json<>&&);
extern template const nlohmann::basic_json<>& nlohmann::basic_json<>::operator[](const std::string&) const;
extern template const nlohmann::basic_json<>& nlohmann::basic_json<>::operator[](std::size_t) const;
extern template const nlohmann::basic_json<>& nlohmann::basic_json<>::at(const std::string&) const;
extern template void nlohmann::basic_json<>::merge_patch(const nlohmann::basic_json<>&);
extern template class nlohmann::json_pointer<std::string>;
extern template std::string nlohmann::basic_json<nlohmann::ordered_map>::dump(
        int, char, bool, error_handler_t) const;
extern template void nlohmann::basic_json<nlohmann::ordered_map>::json_value::destroy(value_t);
// Older versions declare these otherwise.
#if NLOHMANN_JSON_VERSION_MAJOR == 3 && NLOHMANN_JSON_VERSION_MINOR >= 11
extern template void nlohmann::basic_json<>::assert_invariant(bool) const;
extern template const char* nlohmann::basic_json<>::type_name() const;
extern template nlohmann::detail::type_error nlohmann::detail::type_error::create(
        int, const std::string&, const nlohmann::basic_json<>*);
extern template nlohmann::detail::invalid_iterator nlohmann::detail::invalid_iterator::create(
        int, const std::string&, const nlohmann::basic_json<>*);
extern template nlohmann::detail::out_of_range nlohmann::detail::out_of_range::create(
        int, const std::string&, const nlohmann::basic_json<>*);
#endif

namespace eks {

// Throws Json::parse_error.
Json parse_json(std::string_view text);
OrderedJson parse_ordered_json(std::string_view text);

// Or a value that is_discarded() if the text is no JSON.
Json try_parse_json(std::string_view text);

} // namespace eks
