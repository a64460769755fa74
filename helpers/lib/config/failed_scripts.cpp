// SPDX-License-Identifier: Apache-2.0
#include "config/failed_scripts.hpp"

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

// Written when the last stage has ended, and removed when the first one of the next boot begins. A link.
constexpr std::string_view result_path = "/run/cloud-init/result.json";
constexpr std::size_t result_limit = 1U << 20U;

// "('scripts_user', RuntimeError('Runparts: 2 failures (part-001,part-002) in 3 attempted commands'))"
std::string_view names_in(std::string_view error)
{
        const auto begin = error.find("Runparts: ");
        const auto open = begin == error.npos ? error.npos : error.find('(', begin);
        const auto close = open == error.npos ? error.npos : error.find(')', open);
        return close == error.npos ? std::string_view() : error.substr(open + 1, close - open - 1);
}

} // namespace

std::vector<std::string> failed_scripts(const Root& root)
{
        std::vector<std::string> names;
        Json result;

        try {
                result = try_parse_json(read_file_if_exists(root(result_path), result_limit).value_or(""));
        } catch (const Error&) {
                return names;
        }

        const Json::json_pointer errors("/v1/errors");
        if (!result.is_object() || !result.contains(errors) || !result.at(errors).is_array())
                return names;

        for (const auto& error : result.at(errors))
                if (error.is_string())
                        for (const auto name : split(names_in(error.get_ref<const std::string&>()), ','))
                                if (!name.empty() && !has_control_characters(name))
                                        names.emplace_back(name);

        return names;
}

} // namespace eks
