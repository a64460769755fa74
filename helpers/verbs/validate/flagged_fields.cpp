// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate/flagged_fields.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "checks/check_report.hpp"
#include "config/addresses.hpp"
#include "verbs/validate/kubelet_values.hpp"

namespace eks {

namespace {

constexpr std::string_view field_prefix = "kubelet.config.";

// Go's strconv.ParseInt() with base 0, as pflag calls it.
std::optional<std::int64_t> go_integer(std::string_view text)
{
        std::string digits;
        std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != '_'; });

        std::string_view rest = digits;
        const bool negative = rest.starts_with('-');
        if (negative || rest.starts_with('+'))
                rest.remove_prefix(1);

        int base = 10;
        if (rest.size() > 1 && rest.front() == '0') {
                const char letter = lower(rest.substr(1, 1)).front();
                base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
                rest.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
        }

        if (rest.starts_with('-') || rest.starts_with('+'))
                return std::nullopt;
        const auto number = parse_int<std::int64_t>(rest, base);
        return number && negative ? -*number : number;
}

bool is_integer_from(const std::string& text, std::int64_t least, std::int64_t most)
{
        const auto number = go_integer(text);
        return number && *number >= least && *number <= most;
}

struct FlagPair {
        std::string name;
        std::string value;
};

// "a=1,b=2": empty items are left out, and blanks around words; nothing if an item is not a pair.
std::optional<std::vector<FlagPair>> pairs(std::string_view text, char separator)
{
        std::vector<FlagPair> all;
        for (const auto item : split(text, ',')) {
                if (item.empty())
                        continue;
                const auto at = item.find(separator);
                if (at == item.npos)
                        return std::nullopt;
                all.push_back(
                        {std::string(trim(item.substr(0, at))), std::string(trim(item.substr(at + 1)))});
        }
        return all;
}

// "0:memory=1Gi,hugepages-2Mi=4Mi": one node, or several behind ';'.
std::optional<Json> reserved_memory(std::string_view text)
{
        auto list = Json::array();
        for (const auto part : split(text, ';')) {
                const auto colon = part.find(':');
                if (colon == part.npos)
                        return std::nullopt;
                const auto node = go_integer(part.substr(0, colon));
                const auto limits = pairs(part.substr(colon + 1), '=');
                if (!node || !limits)
                        return std::nullopt;

                auto amounts = Json::object();
                for (const auto& [name, value] : *limits)
                        amounts[name] = value;
                list.push_back({{"numaNode", *node}, {"limits", std::move(amounts)}});
        }
        return list;
}

// The types whose value is a map, and what is between a name and its value.
char separator_of(std::string_view type)
{
        return type == "map" || type == "gates" ? '=' : type == "langle" ? '<' : '\0';
}

// The value as the configuration has it; null of a type that no rule looks at.
Json json_of_flag(std::string_view type, const std::string& text)
{
        if (type == "bool")
                return go_boolean(text).value_or(false);
        if (type == "int32" || type == "int64" || type == "uint32")
                return go_integer(text).value_or(0);
        if (type == "strings") {
                auto list = Json::array();
                for (const auto item : split(text, ','))
                        if (!text.empty())
                                list.push_back(std::string(item));
                return list;
        }
        if (type == "reservedMemory")
                return reserved_memory(text).value_or(Json());
        if (type == "string" || type == "duration" || type == "quantity" || type == "ip")
                return text;

        return {};
}

// The name of a key that key_path() has quoted because of its dots.
std::string_view unquoted(std::string_view key)
{
        const bool quoted = key.size() > 1 && key.starts_with('"') && key.ends_with('"');
        return quoted ? key.substr(1, key.size() - 2) : key;
}

} // namespace

std::string wrong_flag_value(std::string_view type, const std::string& text)
{
        using Signed = std::numeric_limits<std::int32_t>;
        using Unsigned = std::numeric_limits<std::uint32_t>;

        if (type == "bool" && !go_boolean(text))
                return "must be true or false";
        if (type == "duration" && !go_duration(text))
                return "must be a duration with a unit, such as 30s";
        if (type == "quantity" && !quantity(text))
                return "must be a quantity, such as 100Mi";
        if (type == "ip" && !is_address(text))
                return "must be an IP address";
        if (type == "int32" && !is_integer_from(text, Signed::min(), Signed::max()))
                return "must be a whole number of 32 bits";
        if (type == "int64" && !go_integer(text))
                return "must be a whole number";
        if (type == "uint32" && !is_integer_from(text, 0, Unsigned::max()))
                return "must be a whole number from 0";
        if (type == "map" && !pairs(text, '='))
                return "must be pairs NAME=VALUE with commas between them";
        if (type == "langle" && !pairs(text, '<'))
                return "must be pairs SIGNAL<THRESHOLD with commas between them";
        if (type == "reservedMemory" && !text.empty() && !reserved_memory(text))
                return "must be NUMA-NODE:memory=QUANTITY";

        if (type == "gates") {
                const auto given = pairs(text, '=');
                if (!given || !std::ranges::all_of(*given, [](const FlagPair& pair) {
                            return go_boolean(pair.value).has_value();
                    }))
                        return "must be pairs GATE=true or GATE=false with commas between them";
        }

        return {};
}

FlaggedFields::FlaggedFields(
        const KubeletSchema& schema, const KubeletSpec& kubelet, std::optional<unsigned> minor)
        : config_(kubelet.config)
{
        std::vector<std::string_view> before; // flags that were given; lists and maps add up
        for (const auto& given : kubelet.flags.parsed) {
                const auto flag = schema.flag(given.name);
                if (!flag || flag->field.empty() || (minor && !flag->version.is_in(*minor)) ||
                        (minor && !schema.has_field(flag->field, *minor)))
                        continue;
                if (!given.value && flag->type != "bool")
                        continue;
                if (!wrong_flag_value(flag->type, given.value.value_or("true")).empty())
                        continue;

                set(flag->field, flag->type, given,
                        adds_up(given.name) && std::ranges::find(before, given.name) != before.end());
                before.emplace_back(given.name);
        }
}

void FlaggedFields::set(const std::string& field, std::string_view type, const KubeletFlag& flag, bool again)
{
        auto* place = &config_;
        for (const auto part : split(field, '.')) {
                if (!place->is_object() && !place->is_null())
                        return; // a wrong type, which is reported
                place = &(*place)[std::string(part)];
        }

        const auto text = flag.value.value_or("true");
        const bool is_gates = type == "gates"; // those of the file stay, while other maps are replaced
        if (!is_gates)
                set_[field] = {&flag, field.size()};

        if (const char separator = separator_of(type); separator != '\0') {
                if (!place->is_object() || !(again || is_gates))
                        *place = Json::object();
                const auto given = pairs(text, separator).value_or(std::vector<FlagPair>());
                for (const auto& [name, value] : given) {
                        (*place)[name] = is_gates ? Json(go_boolean(value).value_or(false)) : Json(value);
                        set_[key_path(field, name)] = {&flag, field.size()};
                }
                return;
        }

        auto value = json_of_flag(type, text);
        if (again && place->is_array() && value.is_array())
                place->insert(place->end(), value.begin(), value.end());
        else if (!value.is_null())
                *place = std::move(value);
}

void FlaggedFields::move_to_flags(std::vector<KubeletFinding>& findings, std::size_t first) const
{
        for (auto& finding : std::span(findings).subspan(set_.empty() ? findings.size() : first)) {
                if (!finding.key.starts_with(field_prefix))
                        continue;

                // "a.b" is found by itself, and by "a.b.c" and "a.b[0]".
                const auto path = std::string_view(finding.key).substr(field_prefix.size());
                auto end = path.size();
                auto found = set_.find(path);
                while (found == set_.end() && (end = path.substr(0, end).find_last_of(".[")) != path.npos)
                        found = set_.find(path.substr(0, end));
                if (found == set_.end())
                        continue;

                const auto& [flag, field_size] = found->second;
                const auto item = path.substr(field_size);
                if (item.starts_with('.'))
                        finding.wrong =
                                fmt::format("{}: {}", plain(unquoted(item.substr(1))), finding.wrong);
                else if (item.starts_with('[') && finding.wrong.find(finding.value) == finding.wrong.npos)
                        finding.wrong = fmt::format("{}: {}", ticked(finding.value), finding.wrong);

                finding.item = std::exchange(finding.key, fmt::format("kubelet.flags[{}]", flag->index));
                finding.value = fmt::format("--{}={}", flag->name, flag->value.value_or("true"));
                finding.remedy = finding.ignored ? "" : "Correct the flag: kubelet does not start with this";
        }
}

} // namespace eks
