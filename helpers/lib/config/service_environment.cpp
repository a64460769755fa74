// SPDX-License-Identifier: Apache-2.0
#include "config/service_environment.hpp"

#include <algorithm>

#include "config/known_keys.hpp"
#include "document/reader.hpp"

namespace eks {

namespace {

constexpr std::string_view key = "instance.environment";
constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view digits = "0123456789";
constexpr std::size_t longest_unit_name = 255;

bool holds_only(
        std::string_view text, std::string_view first, std::string_view second, std::string_view third)
{
        return std::ranges::all_of(text, [&](char c) {
                return first.find(c) != first.npos || second.find(c) != second.npos ||
                       third.find(c) != third.npos;
        });
}

} // namespace

// systemd.unit(5): the characters of a unit's name.
std::string wrong_service(std::string_view name)
{
        if (name.ends_with(".service"))
                return "the name of a service is given without .service, so it has no effect: write it like kubelet";

        const bool good = !name.empty() && !name.starts_with('@') && !name.ends_with('@') &&
                          name.size() + std::string_view(".service").size() <= longest_unit_name &&
                          holds_only(name, letters, digits, ":-_.\\@");
        return good ? ""
                    : "not the name of a service, so it has no effect: write that of its unit, such as kubelet";
}

std::string wrong_variable(std::string_view name, std::string_view value)
{
        if (name.empty() || digits.find(name.front()) != digits.npos ||
                !holds_only(name, letters, digits, "_"))
                return "not the name of an environment variable, so systemd ignores it: use letters, digits and _, "
                       "and do not begin with a digit";

        const bool has_control = std::ranges::any_of(value, [](char c) {
                return (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n') || c == '\x7f';
        });

        return has_control
                       ? "the value holds a control character, so systemd ignores the variable: use none but "
                         "tab and line feed"
                       : "";
}

std::vector<ServiceEnvironment> service_environments(const Json& tree, const Marks& marks)
{
        std::vector<ServiceEnvironment> all;
        const auto* services = find_path(tree, key);
        if (services == nullptr || !services->is_object())
                return all;

        for (const auto& [service, variables] : services->items()) {
                if (!variables.is_object() || !wrong_service(service).empty())
                        continue;

                const auto path = key_path(key, service);
                ServiceEnvironment one{.service = service,
                        .variables = {},
                        .key = path,
                        .source = nearest_place(marks, path, {"configuration"}).text()};
                for (const auto& [name, value] : variables.items())
                        if (value.is_string() &&
                                wrong_variable(name, value.get_ref<const std::string&>()).empty())
                                one.variables[name] = value;

                if (!one.variables.empty())
                        all.push_back(std::move(one));
        }

        return all;
}

std::string render_environment_file(const std::map<std::string, std::string>& variables)
{
        constexpr std::string_view escaped =
                "\"\\`$"; // between double quotes; other characters have no meaning
        std::string text;

        for (const auto& [name, value] : variables) {
                text += name + "=\"";
                for (const char c : value) {
                        if (escaped.find(c) != escaped.npos)
                                text += '\\';
                        text += c;
                }

                text += "\"\n";
        }

        return text;
}

} // namespace eks
