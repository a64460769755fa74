// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate/kubelet_types.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "verbs/validate/flagged_fields.hpp"
#include "verbs/validate/kubelet_values.hpp"

namespace eks {

namespace {

// A value of a type without parts, and what its type asks for.
struct Scalar {
        std::string_view type;
        bool (*fits)(const Json&);
        std::string_view wanted;
};

bool is_whole(const Json& value, double least, double most)
{
        if (!value.is_number())
                return false;
        const auto number = value.get<double>();
        return number >= least && number <= most && number == std::floor(number);
}

bool is_text_of(const Json& value, std::optional<double> (*parse)(std::string_view))
{
        return value.is_string() && parse(value.get_ref<const std::string&>());
}

constexpr std::array scalars{
        Scalar{"bool", [](const Json& value) { return value.is_boolean(); }, "must be true or false"},
        Scalar{"string", [](const Json& value) { return value.is_string(); }, "must be a string"},
        Scalar{"int32",
                [](const Json& value) {
                        return is_whole(value, std::numeric_limits<std::int32_t>::min(),
                                std::numeric_limits<std::int32_t>::max());
                },
                "must be a whole number of 32 bits"},
        Scalar{"int64", [](const Json& value) { return is_whole(value, -0x1p63, 0x1p63); },
                "must be a whole number"},
        Scalar{"uint32",
                [](const Json& value) {
                        return is_whole(value, 0, std::numeric_limits<std::uint32_t>::max());
                },
                "must be a whole number from 0"},
        Scalar{"float64", [](const Json& value) { return value.is_number(); }, "must be a number"},
        Scalar{"duration", [](const Json& value) { return is_text_of(value, go_duration); },
                "must be a duration with a unit, such as \"30s\" or \"2m30s\""},
        Scalar{"durationOrNanoseconds",
                [](const Json& value) { return value.is_number() || is_text_of(value, go_duration); },
                "must be a duration, such as \"30s\", or a number of nanoseconds"},
        Scalar{"quantity",
                [](const Json& value) { return value.is_number() || is_text_of(value, quantity); },
                "must be a quantity, such as \"100Mi\" or \"70m\""},
};

const Scalar* scalar_of(std::string_view type)
{
        const auto* const found = std::ranges::find(scalars, type, &Scalar::type);
        return found == scalars.end() ? nullptr : found;
}

// "this field from 1.30 on", "no such field from 1.35 on": of a version that lacks it.
std::string lack(const KubeletSchema::Field& versions, std::string_view what, unsigned minor)
{
        return versions.gone && minor >= *versions.gone
                       ? fmt::format("no such {} from 1.{} on", what, *versions.gone)
                       : fmt::format("this {} from 1.{} on", what, versions.since);
}

// One version's reader of a configuration.
class TypeChecker {
public:
        TypeChecker(const KubeletSchema& schema, unsigned minor, std::vector<KubeletFinding>& findings)
                : schema_(&schema), minor_(minor), findings_(&findings)
        {
        }

        void check_struct(const Json& value, std::string_view type, const std::string& path)
        {
                if (!value.is_object()) {
                        refuse(path, value, "must be a map");
                        return;
                }

                for (const auto& [name, item] : value.items()) {
                        const auto field = schema_->field(type, name);
                        if (!field)
                                continue; // see check_kubelet_names()
                        if (field->is_in(minor_))
                                check(item, field->type, key_path(path, name));
                        else
                                ignore(key_path(path, name), item, *field);
                }
        }

private:
        void check(const Json& value, std::string_view type, const std::string& path)
        {
                if (value.is_null()) // as if it were not set
                        return;

                if (schema_->is_struct(type))
                        check_struct(value, type, path);
                else if (type.starts_with(list_of))
                        check_list(value, type.substr(list_of.size()), path);
                else if (type.starts_with(map_of))
                        check_map(value, type.substr(map_of.size()), path);
                else if (const auto* scalar = scalar_of(type); scalar != nullptr && !scalar->fits(value))
                        refuse(path, value, scalar->wanted);
        }

        void check_list(const Json& value, std::string_view type, const std::string& path)
        {
                if (!value.is_array()) {
                        refuse(path, value, "must be a list");
                        return;
                }

                const auto* scalar = scalar_of(type);
                for (std::size_t i = 0; i < value.size(); ++i)
                        if (scalar == nullptr || !scalar->fits(value[i])) // paths cost more than checks
                                check(value[i], type, fmt::format("{}[{}]", path, i));
        }

        void check_map(const Json& value, std::string_view type, const std::string& path)
        {
                if (!value.is_object()) {
                        refuse(path, value, "must be a map");
                        return;
                }

                const auto* scalar = scalar_of(type);
                for (const auto& [name, item] : value.items())
                        if (scalar == nullptr || !scalar->fits(item))
                                check(item, type, key_path(path, name));
        }

        void refuse(const std::string& path, const Json& value, std::string_view wanted)
        {
                findings_->push_back({.key = path,
                        .value = value.is_structured() ? std::string() : value_text(value),
                        .wrong = std::string(wanted),
                        .remedy =
                                "Write it as kubelet's reference has it: kubelet does not start with this"});
        }

        void ignore(const std::string& path, const Json& value, const KubeletSchema::Field& field)
        {
                findings_->push_back({.key = path,
                        .value = value.is_structured() ? std::string() : value_text(value),
                        .wrong = "kubelet has " + lack(field, "field", minor_),
                        .remedy = {},
                        .ignored = true});
        }

        const KubeletSchema* schema_;
        unsigned minor_;
        std::vector<KubeletFinding>* findings_;
};

} // namespace

void check_types(const KubeletSchema& schema, const Json& config, unsigned minor,
        std::vector<KubeletFinding>& findings)
{
        TypeChecker(schema, minor, findings).check_struct(config, "KubeletConfiguration", "kubelet.config");
}

void check_flags(const KubeletSchema& schema, const KubeletFlags& flags, unsigned minor,
        std::vector<KubeletFinding>& findings)
{
        for (const auto& given : flags.parsed) {
                const auto flag = schema.flag(given.name);
                if (!flag)
                        continue; // see check_kubelet_names()

                const auto key = fmt::format("kubelet.flags[{}]", given.index);
                if (!flag->version.is_in(minor)) {
                        findings.push_back({.key = key,
                                .value = fmt::format("--{}", given.name),
                                .wrong = "kubelet has " + lack(flag->version, "flag", minor),
                                .remedy = "Remove the flag: kubelet does not start with it"});
                        continue;
                }

                if (!given.value)
                        continue;
                if (const auto wrong = wrong_flag_value(flag->type, *given.value); !wrong.empty())
                        findings.push_back({.key = key,
                                .value = fmt::format("--{}={}", given.name, *given.value),
                                .wrong = wrong,
                                .remedy = "Correct the flag: kubelet does not start with this"});
        }
}

} // namespace eks
