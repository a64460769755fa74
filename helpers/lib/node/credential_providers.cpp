// SPDX-License-Identifier: Apache-2.0
#include "node/credential_providers.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "document/reader.hpp"

namespace eks {

namespace {

constexpr std::string_view api_group = "credentialprovider.kubelet.k8s.io/";

// The first kubelet that supports it.
struct Since {
        std::string_view name;
        Version kubelet;
};
constexpr std::array api_versions{
        Since{"v1alpha1", {1, 20, 0}}, Since{"v1beta1", {1, 24, 0}}, Since{"v1", {1, 26, 0}}};
// kubelet refuses a file with any other field in it.
constexpr std::array fields{Since{"name", {}}, Since{"matchImages", {}}, Since{"defaultCacheDuration", {}},
        Since{"apiVersion", {}}, Since{"args", {}}, Since{"env", {}}, Since{"tokenAttributes", {1, 33, 0}}};

// As Go writes durations: "12h0m0s", "1.5h", "0".
bool is_duration(std::string_view text)
{
        constexpr std::string_view digits = "0123456789.";
        constexpr std::array<std::string_view, 7> units{"ns", "us", "µs", "ms", "s", "m", "h"};

        if (text == "0")
                return true;

        bool any = false;

        while (!text.empty()) {
                const auto number = text.substr(0, text.find_first_not_of(digits));
                text.remove_prefix(number.size());
                const auto unit = text.substr(0, text.find_first_of(digits));
                text.remove_prefix(unit.size());

                if (number.find_first_not_of('.') == number.npos || std::ranges::count(number, '.') > 1 ||
                        std::ranges::find(units, unit) == units.end())
                        return false;

                any = true;
        }

        return any;
}

bool is_name(std::string_view name)
{
        return !name.empty() && name != "." && name != ".." && name.find_first_of("/ ") == name.npos &&
               !has_control_characters(name);
}

bool is_image_pattern(const Json& pattern)
{
        if (!pattern.is_string())
                return false;
        const auto& text = pattern.get_ref<const std::string&>();
        return !text.empty() && text.find("://") == text.npos && text.find(' ') == text.npos &&
               !has_control_characters(text);
}

} // namespace

void check_provider(const Json& provider, const std::string& key, const Layer& layer, const Version& kubelet,
        Problems& problems)
{
        const TableReader reader(provider, key, layer.marks, {layer.source}, problems);
        if (!provider.is_object()) {
                reader.wrong("", "", "must be a map", "Give name, matchImages and the rest");
                return;
        }

        for (const auto& [name, value] : provider.items()) {
                const auto field = std::ranges::find(fields, name, &Since::name);
                if (field == fields.end())
                        reader.wrong(name, "is not a field of a provider",
                                "See eks-credential-provider.service(8)");
                else if (kubelet < field->kubelet)
                        reader.wrong(name,
                                fmt::format("kubelet {} does not know it, only {}.{} and later",
                                        kubelet.text(), field->kubelet.major, field->kubelet.minor),
                                "Remove it, or use a later kubelet");
        }

        const auto value = [&](const char* field) { return provider.value(field, Json()); };
        if (const auto name = value("name");
                !name.is_string() || !is_name(name.get_ref<const std::string&>()))
                reader.wrong("name", "must be the name of a program, without a directory",
                        "Give the name of the provider's binary");

        const auto images = value("matchImages");
        if (!images.is_array() || images.empty() || !std::ranges::all_of(images, is_image_pattern))
                reader.wrong("matchImages", images.is_null() ? "" : value_text(images),
                        "must be a list of at least one registry, without a scheme",
                        "Give patterns such as registry.example.com or *.example.com/team");

        if (const auto cached = value("defaultCacheDuration");
                !cached.is_string() || !is_duration(cached.get_ref<const std::string&>()))
                reader.wrong("defaultCacheDuration", "must be a duration", "Give one such as 12h or 0s");
        const auto api = value("apiVersion");

        const auto version = std::ranges::find_if(
                api_versions, [&](const Since& v) { return api == fmt::format("{}{}", api_group, v.name); });
        if (version == api_versions.end() || kubelet < version->kubelet)
                reader.wrong("apiVersion",
                        fmt::format(
                                "must be a version of {} that kubelet {} knows", api_group, kubelet.text()),
                        fmt::format(
                                "Give {}{}", api_group, kubelet < Version{1, 26, 0} ? "v1alpha1" : "v1"));

        for (const auto* list : {"args", "env"})
                if (const auto given = value(list); !given.is_null() && !given.is_array())
                        reader.wrong(list, "must be a list", "See eks-credential-provider.service(8)");
}

std::vector<Json> provider_drop_ins(const Root& root, const Version& kubelet, std::vector<Note>& notes)
{
        std::vector<Json> providers;
        std::map<std::string, std::string> files; // by the provider's name
        Problems problems;
        const auto take = [&](const Json& provider, const std::string& key, const Layer& layer) {
                check_provider(provider, key, layer, kubelet, problems);
                const auto name = provider.is_object() ? value_text(provider.value("name", Json())) : "";
                const auto [first, added] = files.emplace(name, layer.source);
                if (!added)
                        problems.add(place_of(layer.marks, key, {layer.source}), key, name,
                                fmt::format("there is a provider of that name in {} already", first->second),
                                "Keep one of them");
                providers.push_back(provider);
        };

        for (const auto& path : drop_ins(root, {std::string(vendor_providers), std::string(admin_providers)},
                     {".json", ".yaml", ".yml"}, &notes)) {
                Layer layer{.source = path};
                const auto document = parse_map(read_file(root(path), drop_in_limit), layer);
                if (!document.contains("providers") && !document.contains("kind")) {
                        take(document, "", layer);
                        continue;
                }
                const auto list = document.value("providers", Json());
                if (document.value("kind", Json()) != "CredentialProviderConfig" || !list.is_array())
                        problems.add({path}, "kind", value_text(document.value("kind", Json())),
                                "must be CredentialProviderConfig, with a list of providers",
                                "Give one, or a single provider");
                else
                        for (std::size_t i = 0; i < list.size(); ++i)
                                take(list[i], fmt::format("providers[{}]", i), layer);
        }

        problems.throw_if_any(failure::config_invalid);
        return providers;
}

} // namespace eks
