// SPDX-License-Identifier: Apache-2.0
#include "node/registration.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/fact_template.hpp"

namespace eks {

namespace {

[[noreturn]] void refuse(std::string_view key, std::string_view value, std::string_view wrong)
{
        throw Error(failure::config_invalid, fmt::format("{} = \"{}\": {}", key, value, wrong),
                "Correct the value, or add the missing tag or fact to the instance");
}

std::string filled_in(std::string_view key, const std::string& value, const NodeInputs& node)
{
        if (node.facts.all.empty() && value.find("${") != value.npos)
                throw Error(failure::facts_missing, fmt::format("{} needs facts of an instance", key),
                        "Give them with --imds");

        const auto expanded = expand_facts(value, node.facts.all);
        if (!expanded.text)
                refuse(key, value, expanded.wrong);
        return *expanded.text;
}

} // namespace

Labels configured_labels(const NodeInputs& node)
{
        Labels labels;
        for (const auto& [name, value] : node.spec.registration.labels) {
                const auto key = key_path("node.labels", name);
                auto text = filled_in(key, value, node);
                if (const auto wrong = wrong_label_value(text); !wrong.empty())
                        refuse(key, text, wrong);
                labels.emplace(name, std::move(text));
        }

        return labels;
}

std::vector<Taint> configured_taints(const NodeInputs& node)
{
        std::vector<Taint> taints;
        for (const auto& item : node.spec.registration.taints) {
                const auto text = filled_in("node.taints", item, node);
                auto [taint, wrong] = parse_taint(text);
                if (!wrong.empty())
                        refuse("node.taints", text, wrong);
                taints.push_back(std::move(taint));
        }

        return taints;
}

std::string configured_node_name(const NodeInputs& node)
{
        constexpr std::string_view key = "instance.nodeName";
        if (node.spec.registration.node_name.empty())
                return {};

        auto name = filled_in(key, node.spec.registration.node_name, node);
        if (const auto wrong = wrong_node_name(name); !wrong.empty())
                refuse(key, name, wrong);
        return name;
}

std::string ec2_private_name(std::string_view local_hostname, std::string_view region)
{
        const auto name = local_hostname.substr(0, local_hostname.find(' '));
        const auto label = name.substr(0, name.find('.'));
        const auto only = [](std::string_view text, std::string_view characters) {
                return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
        };

        const bool by_address = label.starts_with("ip-") && only(label.substr(3), "0123456789-") &&
                                std::ranges::count(label, '-') == 4;
        const bool by_id = label.starts_with("i-") && only(label.substr(2), "0123456789abcdef");
        if (!by_address && !by_id)
                return std::string(name);

        return region == "us-east-1" ? fmt::format("{}.ec2.internal", label)
                                     : fmt::format("{}.{}.compute.internal", label, region);
}

} // namespace eks
