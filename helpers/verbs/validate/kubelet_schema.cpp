// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate/kubelet_schema.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "verbs/validate/flagged_fields.hpp"
#include "verbs/validate/kubelet_names.hpp"
#include "verbs/validate/kubelet_rules.hpp"
#include "verbs/validate/kubelet_types.hpp"

namespace eks {

namespace {

constexpr std::string_view schema_path = "/usr/share/eks/kubelet/schema.json";
constexpr std::string_view configuration = "KubeletConfiguration";

// "1.33"; nothing for "-" and for what is not there.
std::optional<unsigned> minor_in(const std::vector<std::string_view>& words, std::size_t index)
{
        if (words.size() <= index || !words[index].starts_with("1."))
                return std::nullopt;
        return parse_int<unsigned>(words[index].substr(2));
}

KubeletSchema::Field versions_in(const std::vector<std::string_view>& words, std::size_t since)
{
        return {.type = std::string(words.front()),
                .since = minor_in(words, since).value_or(0),
                .gone = minor_in(words, since + 1)};
}

} // namespace

std::optional<KubeletSchema> KubeletSchema::of(const Root& root)
{
        const auto text = read_file_if_exists(root(schema_path));
        if (!text)
                return std::nullopt;

        return in_vendor_file(schema_path, [&] {
                auto table = parse_json(*text);
                for (const auto* part :
                        {"structs", "flags", "enums", "gates", "evictionSignals", "policyOptions"})
                        table.at(part).get_ref<const Json::object_t&>();
                for (const auto* part : {"ranges", "gated", "ciphers"})
                        table.at(part).get_ref<const Json::array_t&>();
                table.at("structs").at(configuration).get_ref<const Json::object_t&>();
                return KubeletSchema(std::move(table));
        });
}

std::optional<KubeletSchema::Field> KubeletSchema::field(std::string_view type, std::string_view name) const
{
        const auto& fields = table_.at("structs").at(type);
        const auto found = fields.find(name);
        if (found == fields.end())
                return std::nullopt;
        return versions_in(split(found->get_ref<const std::string&>(), ' '), 1); // type [since [gone]]
}

std::vector<std::string> KubeletSchema::field_names(std::string_view type) const
{
        std::vector<std::string> names;
        for (const auto& [name, row] : table_.at("structs").at(type).items())
                names.push_back(name);
        return names;
}

bool KubeletSchema::is_struct(std::string_view type) const
{
        return table_.at("structs").contains(type);
}

KubeletSchema::KubeletSchema(Json table) : table_(std::move(table))
{
        add_places(configuration, "kubelet.config");
}

void KubeletSchema::add_places(std::string_view type, const std::string& path)
{
        for (const auto& name : field_names(type)) {
                const auto place = key_path(path, name);
                if (const auto [known, is_new] = places_.try_emplace(name, place); !is_new)
                        known->second.clear();
                if (const auto inner = field(type, name); inner && is_struct(inner->type))
                        add_places(inner->type, place);
        }
}

bool KubeletSchema::has_field(std::string_view path, unsigned minor) const
{
        std::string type(configuration);
        for (const auto part : split(path, '.')) {
                const auto found = is_struct(type) ? field(type, part) : std::nullopt;
                if (!found || !found->is_in(minor))
                        return false;
                type = found->type;
        }
        return true;
}

std::optional<KubeletSchema::Flag> KubeletSchema::flag(std::string_view name) const
{
        const auto& flags = table_.at("flags");
        const auto found = flags.find(name);
        if (found == flags.end())
                return std::nullopt;

        const auto words = split(found->get_ref<const std::string&>(), ' '); // type [field [since [gone]]]
        const bool has_field = words.size() > 1 && words[1] != "-";
        return Flag{.type = std::string(words.front()),
                .field = has_field ? std::string(words[1]) : std::string(),
                .version = versions_in(words, 2)};
}

std::vector<KubeletFinding> KubeletSchema::unknown_names(
        const KubeletSpec& kubelet, std::optional<unsigned> minor) const
{
        std::vector<KubeletFinding> findings;
        const FlaggedFields merged(*this, kubelet);
        check_kubelet_names(*this, merged.config(), kubelet.flags, minor, findings);
        merged.move_to_flags(findings, 0);

        return findings;
}

std::vector<KubeletFinding> KubeletSchema::check(const KubeletSpec& kubelet, unsigned minor) const
{
        std::vector<KubeletFinding> findings;
        check_types(*this, kubelet.config, minor, findings);
        check_flags(*this, kubelet.flags, minor, findings);

        const auto first = findings.size();
        const FlaggedFields merged(*this, kubelet, minor);
        check_rules(*this, merged.config(), minor, findings);
        merged.move_to_flags(findings, first);

        return findings;
}

} // namespace eks
