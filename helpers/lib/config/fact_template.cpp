// SPDX-License-Identifier: Apache-2.0
#include "config/fact_template.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

const std::array<std::string, 13> facts{"accountId", "amiId", "architecture", "availabilityZone",
        "availabilityZoneId", "domain", "instanceId", "instanceType", "lifecycle", "localHostname",
        "localIpv4", "partition", "region"};

struct Fact {
        std::optional<std::string> value; // nothing if it is absent or the facts are unknown
        std::string wrong = {};
        std::string remedy = {};
        bool absent = false; // a default may replace it, unless the fact cannot exist
};

Fact absence(std::string wrong, std::string remedy)
{
        return {std::nullopt, std::move(wrong), std::move(remedy), true};
}

Fact refusal(std::string wrong, std::string remedy)
{
        return {std::nullopt, std::move(wrong), std::move(remedy)};
}

std::optional<std::string> text_in(const Json& map, std::string_view key)
{
        const auto found = map.is_object() ? map.find(key) : map.end();
        const auto* text = found != map.end() ? found->get_ptr<const std::string*>() : nullptr;
        return text != nullptr ? std::optional(*text) : std::nullopt;
}

Fact imds_fact(std::string_view key, const Json& imds)
{
        if (std::ranges::find(facts, key) == facts.end()) {
                const auto near = nearest(key, facts);
                return refusal(fmt::format("no fact is known as '${{imds.{}}}'{}", key,
                                       near ? fmt::format("; did you mean '${{imds.{}}}'?", *near) : ""),
                        "Use one of " + join(facts, ", "));
        }

        if (imds.is_null())
                return {};
        if (auto value = text_in(imds, key))
                return {std::move(value)};

        return absence(fmt::format("the instance metadata has no '{}'", key),
                fmt::format("Give a default: ${{imds.{}:-VALUE}}", key));
}

Fact tag_fact(std::string_view key, const Json& imds)
{
        if (key.empty())
                return refusal("'${tag.}' names no tag", "Use ${tag.KEY}");
        if (imds.is_null())
                return {};

        const auto tags = imds.find("tags");
        if (tags == imds.end())
                return absence(fmt::format("the tag '{}' is not known: the instance's metadata options give "
                                           "no access to tags",
                                       key),
                        "Set InstanceMetadataTags to enabled in the launch template");
        if (auto value = text_in(*tags, key))
                return {std::move(value)};

        return absence(fmt::format("the instance has no tag '{}'", key),
                fmt::format("Tag the instance, or give a default: ${{tag.{}:-VALUE}}", key));
}

Fact fact(std::string_view name, const Json& imds)
{
        constexpr std::string_view imds_prefix = "imds.";
        constexpr std::string_view tag_prefix = "tag.";

        if (name.starts_with(imds_prefix))
                return imds_fact(name.substr(imds_prefix.size()), imds);
        if (name.starts_with(tag_prefix))
                return tag_fact(name.substr(tag_prefix.size()), imds);

        return refusal(fmt::format("nothing is known as '${{{}}}'", name), "Use ${imds.KEY} or ${tag.KEY}");
}

} // namespace

Expanded expand_facts(std::string_view text, const Json& imds)
{
        std::string expanded;
        bool known = true;

        for (;;) {
                const auto begin = text.find("${");
                expanded += text.substr(0, begin);

                if (begin == text.npos)
                        return {known ? std::optional(expanded) : std::nullopt};

                const auto end = text.find('}', begin);
                if (end == text.npos)
                        return {std::nullopt, "'${' without '}'", "Use ${imds.KEY} or ${tag.KEY}"};

                const auto inside = text.substr(begin + 2, end - begin - 2);
                const auto dash = inside.find(":-");
                auto found = fact(inside.substr(0, dash), imds);
                if (found.absent && dash != inside.npos)
                        found = {std::string(inside.substr(dash + 2))};
                if (!found.wrong.empty())
                        return {std::nullopt, std::move(found.wrong), std::move(found.remedy)};

                known = known && found.value;
                expanded += found.value.value_or("");
                text.remove_prefix(end + 1);
        }
}

} // namespace eks
