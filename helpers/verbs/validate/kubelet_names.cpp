// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate/kubelet_names.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"

namespace eks {

namespace {

using Names = std::vector<std::string>;

Names names_of(const Json& object)
{
        Names names;
        for (const auto& [name, value] : object.items())
                names.push_back(name);
        return names;
}

constexpr unsigned last_with_options = 35; // kubelet 1.N, whose policy options the table has all
constexpr unsigned first_complete = 32;    // kubelet 1.N, whose feature gates the table has all

// Whether the two differ at one place, by at most two characters.
bool is_slip(std::string_view one, std::string_view other)
{
        constexpr std::size_t most = 2;
        const auto first = static_cast<std::size_t>(std::ranges::mismatch(one, other).in1 - one.begin());
        one.remove_prefix(first);
        other.remove_prefix(first);

        while (!one.empty() && !other.empty() && one.back() == other.back()) {
                one.remove_suffix(1);
                other.remove_suffix(1);
        }

        return one.size() <= most && other.size() <= most;
}

class NameChecker {
public:
        NameChecker(const KubeletSchema& schema, const Json& config, const KubeletFlags& flags,
                std::optional<unsigned> minor, std::vector<KubeletFinding>& findings)
                : schema_(&schema), config_(&config), flags_(&flags), minor_(minor), findings_(&findings)
        {
        }

        void run()
        {
                check_fields(*config_, "KubeletConfiguration", "kubelet.config");
                check_gates();
                check_flags();
                check_maps({"evictionHard", "evictionSoft", "evictionSoftGracePeriod",
                                   "evictionMinimumReclaim"},
                        "kubelet has no such eviction signal",
                        names_of(schema_->table().at("evictionSignals")));
                check_maps({"kubeReserved", "systemReserved"}, "kubelet reserves no such resource",
                        {"cpu", "memory", "ephemeral-storage", "pid"});
                check_policy_options();
                check_list("tlsCipherSuites", "Go has no such cipher suite",
                        schema_->table().at("ciphers").get<Names>());
                check_list("enforceNodeAllocatable", "kubelet enforces no such limit",
                        {enforceable.begin(), enforceable.end()});
        }

private:
        const Json* find(std::string_view path) const { return find_path(*config_, path); }

        void refuse(std::string key, const Json& value, std::string wrong)
        {
                findings_->push_back({.key = std::move(key),
                        .value = value.is_structured() ? std::string() : value_text(value),
                        .wrong = std::move(wrong),
                        .remedy = "Correct the name: kubelet does not start with this"});
        }

        void check_fields(const Json& value, std::string_view type, const std::string& path)
        {
                if (value.is_object() && schema_->is_struct(type)) {
                        for (const auto& [name, item] : value.items())
                                check_field(item, type, path, name);
                } else if (value.is_array() && type.starts_with(list_of)) {
                        for (std::size_t i = 0; i < value.size(); ++i)
                                check_fields(value[i], type.substr(list_of.size()),
                                        fmt::format("{}[{}]", path, i));
                } else if (value.is_object() && type.starts_with(map_of)) {
                        for (const auto& [name, item] : value.items())
                                check_fields(item, type.substr(map_of.size()), key_path(path, name));
                }
        }

        void check_field(
                const Json& value, std::string_view type, const std::string& path, const std::string& name)
        {
                const auto place = key_path(path, name);
                if (const auto field = schema_->field(type, name)) {
                        check_fields(value, field->type, place);
                        return;
                }
                if (type == "KubeletConfiguration" && (name == "kind" || name == "apiVersion"))
                        return;

                findings_->push_back({.key = place,
                        .value = value.is_structured() ? std::string() : value_text(value),
                        .wrong = "kubelet has no such field" + meant(type, name),
                        .remedy = {},
                        .ignored = true});
        }

        // Where the name is a field, or what it may have been meant to be.
        std::string meant(std::string_view type, const std::string& name)
        {
                if (name == "memorySwapBehavior") // of other tools
                        return "; it is kubelet.config.memorySwap.swapBehavior";
                for (const auto* map : {"kubelet", "node"})
                        if (const auto own = fmt::format("{}.{}", map, name);
                                find_schema_key(own) != nullptr)
                                return fmt::format("; eksnode has it as {}", own);

                const auto& places = schema_->places();
                if (const auto place = places.find(name); place != places.end() && !place->second.empty())
                        return fmt::format("; it is {}", place->second);

                return did_you_mean(name, schema_->field_names(type));
        }

        // The table lacks gates that were gone before 1.32, so an older kubelet may know a name that is more
        // than a typing slip away.
        void check_gates()
        {
                const auto* gates = find("featureGates");
                if (gates == nullptr || !gates->is_object())
                        return;

                const auto& table = schema_->table().at("gates");
                auto known = names_of(table);
                known.insert(known.end(), {"AllAlpha", "AllBeta"});

                for (const auto& [name, on] : gates->items()) {
                        if (table.contains(name) || name == "AllAlpha" || name == "AllBeta")
                                continue;

                        const auto near = nearest(name, known);
                        refuse(key_path("kubelet.config.featureGates", name), on,
                                "kubelet has no such feature gate" +
                                        (near ? fmt::format("; did you mean '{}'?", *near) : std::string()));
                        findings_->back().uncertain =
                                minor_.value_or(0) < first_complete && !(near && is_slip(name, *near));
                }
        }

        // Newer versions may have more of them.
        void check_policy_options()
        {
                for (const auto& [field, options] : schema_->table().at("policyOptions").items()) {
                        const auto* given = find(field);
                        if (given == nullptr || !given->is_object())
                                continue;

                        const auto known = names_of(options);
                        for (const auto& [name, value] : given->items()) {
                                if (options.contains(name))
                                        continue;
                                const auto near = nearest(name, known);
                                refuse(key_path(fmt::format("kubelet.config.{}", field), name), value,
                                        fmt::format("kubelet has no such option{}", meant_of(name, known)));
                                findings_->back().uncertain =
                                        minor_.value_or(last_with_options + 1) > last_with_options &&
                                        !(near && is_slip(name, *near));
                        }
                }
        }

        void check_flags()
        {
                const auto known = names_of(schema_->table().at("flags"));
                for (const auto& flag : flags_->parsed)
                        if (!flag.name.empty() &&
                                !schema_->flag(flag.name)) // without a name it has been reported
                                findings_->push_back({.key = fmt::format("kubelet.flags[{}]", flag.index),
                                        .value = fmt::format("--{}", flag.name),
                                        .wrong = "kubelet has no such flag" + did_you_mean(flag.name, known),
                                        .remedy = "Remove the flag: kubelet does not start with it"});
        }

        void check_maps(
                std::initializer_list<std::string_view> paths, std::string_view wrong, const Names& known)
        {
                for (const auto path : paths)
                        if (const auto* map = find(path); map != nullptr && map->is_object())
                                for (const auto& [name, value] : map->items())
                                        if (std::ranges::find(known, name) == known.end())
                                                refuse(key_path(
                                                               fmt::format("kubelet.config.{}", path), name),
                                                        value,
                                                        fmt::format("{}{}", wrong, meant_of(name, known)));
        }

        void check_list(std::string_view path, std::string_view wrong, const Names& known)
        {
                const auto* list = find(path);
                if (list == nullptr || !list->is_array())
                        return;

                for (std::size_t i = 0; i < list->size(); ++i) {
                        if (!list->at(i).is_string())
                                continue;

                        const auto& name = list->at(i).get_ref<const std::string&>();
                        if (std::ranges::find(known, name) == known.end())
                                refuse(fmt::format("kubelet.config.{}[{}]", path, i), list->at(i),
                                        fmt::format("{}{}", wrong, meant_of(name, known)));
                }
        }

        // With all of a few.
        static std::string meant_of(const std::string& name, const Names& known)
        {
                constexpr std::size_t few = 8;
                return known.size() > few ? did_you_mean(name, known)
                                          : fmt::format("; it is one of {}", fmt::join(known, ", "));
        }

        const KubeletSchema* schema_;
        const Json* config_;
        const KubeletFlags* flags_;
        std::optional<unsigned> minor_;
        std::vector<KubeletFinding>* findings_;
};

} // namespace

void check_kubelet_names(const KubeletSchema& schema, const Json& config, const KubeletFlags& flags,
        std::optional<unsigned> minor, std::vector<KubeletFinding>& findings)
{
        NameChecker(schema, config, flags, minor, findings).run();
}

} // namespace eks
