// SPDX-License-Identifier: Apache-2.0
#include "node/registration.hpp"

#include <fmt/format.h>

#include "config/fact_template.hpp"

namespace eks {

namespace {

[[noreturn]] void refuse(std::string_view key, std::string_view value, std::string_view wrong)
{
        throw Error(failure::config_invalid, fmt::format("{} = \"{}\": {}", key, value, wrong),
                "Mend the value, or give the instance what it asks for");
}

std::string filled_in(std::string_view key, const std::string& value, const NodeInputs& node)
{
        const auto expanded = expand_facts(value, node.facts.all);
        if (!expanded.text)
                refuse(key, value, expanded.wrong);
        return *expanded.text;
}

} // namespace

Labels configured_labels(const NodeInputs& node)
{
        Labels labels;
        for (const auto& [name, value] : node.spec.labels) {
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
        for (const auto& item : node.spec.taints) {
                const auto text = filled_in("node.taints", item, node);
                auto [taint, wrong] = parse_taint(text);
                if (!wrong.empty())
                        refuse("node.taints", text, wrong);
                taints.push_back(std::move(taint));
        }
        return taints;
}

} // namespace eks
