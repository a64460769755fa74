// SPDX-License-Identifier: Apache-2.0
#include "checks/check_labels.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/fact_template.hpp"

namespace eks {

namespace {

constexpr const char* label_form =
        "Use at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit";
constexpr const char* other_domain =
        "Use a domain of your own or node.kubernetes.io, or label the node with kubectl once it is there";
constexpr const char* taint_in_config = "Write each as {key: …, value: …, effect: NoSchedule}";

// The error text of a value that may contain facts.
std::string wrong_here(
        std::string_view what, const std::string& given, const std::string& here, std::string_view wrong)
{
        return here == given ? fmt::format("not a {}: {}", what, wrong)
                             : fmt::format("not a {}: it is {} here, and {}", what, ticked(here), wrong);
}

} // namespace

LabelChecks::LabelChecks(const NodeSpec& spec, const Json& imds, const CheckReport& report)
        : imds_(&imds), report_(&report), node_(&spec.registration), config_(&spec.kubelet.config)
{
}

// The text with the facts filled in; nothing if it is invalid, which is reported, or if the facts are
// unknown.
std::optional<std::string> LabelChecks::filled_in(std::string_view key, const std::string& text)
{
        auto expanded = expand_facts(text, *imds_);
        if (!expanded.wrong.empty())
                report_->problem(key, text, expanded.wrong, std::move(expanded.remedy));
        return expanded.text;
}

void LabelChecks::check_node_labels()
{
        for (const auto& [label, given] : node_->labels) {
                const auto key = key_path("node.labels", label);
                if (const auto wrong = wrong_label_key(label); !wrong.empty()) {
                        report_->problem(key, given, fmt::format("not a label: {}", wrong), label_form);
                        continue;
                }

                if (const auto wrong = refused_to_kubelets(label); !wrong.empty())
                        report_->problem(key, given, wrong, other_domain);
                const auto text = filled_in(key, given);
                if (!text)
                        continue;

                if (const auto wrong = wrong_label_value(*text); !wrong.empty())
                        report_->problem(key, given, wrong_here("label", given, *text, wrong), label_form);
                labels_.emplace(label, Label{*text, key, false});
        }
}

void LabelChecks::check_flag_labels(const std::string& key, const std::string& item, std::string_view value)
{
        for (const auto pair : split(value, ',')) {
                if (pair.empty())
                        continue; // kubelet's leniency

                const auto equals = pair.find('=');
                const auto label = trim(pair.substr(0, equals));

                const auto text = equals == std::string_view::npos ? std::string_view()
                                                                   : trim(pair.substr(equals + 1));
                auto wrong = wrong_label_key(label);
                if (wrong.empty())
                        wrong = wrong_label_value(text);

                if (!wrong.empty()) {
                        report_->problem(key, item, fmt::format("label {}: {}", ticked(pair), wrong),
                                "Write labels as key=value,key=value, in characters for labels");
                        continue;
                }

                if (wrong = refused_to_kubelets(label); !wrong.empty())
                        report_->problem(
                                key, item, fmt::format("label {}: {}", ticked(label), wrong), other_domain);
                check_label_is_new(key, item, std::string(label), std::string(text));
        }
}

// kubelet takes the last value of a label.
void LabelChecks::check_label_is_new(
        const std::string& key, const std::string& item, const std::string& label, const std::string& value)
{
        const auto [found, is_new] = labels_.try_emplace(label, Label{value, key, true});
        if (is_new || found->second.value == value)
                return;

        const auto& before = found->second;
        const auto earlier_place = report_->where(before.key);
        if (report_->where(key).source == earlier_place.source)
                report_->doubt(key, item,
                        fmt::format("label {} has the values {} and {}{}; kubelet takes the last",
                                ticked(label), ticked(before.value), ticked(value),
                                before.key == key ? "" : fmt::format(", the first in {}", before.key)));
        else if (!before.in_flag) // whatever the order of the layers
                report_->note(Level::warning, key, item,
                        fmt::format("label {} overrides {} of {} ({}), proceeding", ticked(label),
                                ticked(before.value), before.key, earlier_place.text()));
        else
                report_->note(Level::info, key, item,
                        fmt::format("label {} overrides {} of {}", ticked(label), ticked(before.value),
                                earlier_place.text()));
        found->second = {value, key, true};
}

void LabelChecks::check_node_taints()
{
        TaintNames seen;
        const auto& taints = node_->taints;
        for (std::size_t i = 0; i < taints.size(); ++i) {
                const auto key = fmt::format("node.taints[{}]", i);
                const auto text = filled_in(key, taints[i]);
                if (!text)
                        continue;

                const auto [taint, wrong] = parse_taint(*text);
                if (!wrong.empty())
                        report_->problem(key, taints[i], wrong_here("taint", taints[i], *text, wrong),
                                "Write it as key=value:NoSchedule");
                else
                        check_taint_is_new(key, taints[i], taint, seen);
        }

        if (!taints.empty() && member(config_, "registerWithTaints") != nullptr)
                report_->note(Level::warning, "kubelet.config.registerWithTaints", "…",
                        fmt::format("it replaces the taints of node.taints ({}), proceeding",
                                report_->where("node.taints").text()));
}

void LabelChecks::check_config_taints()
{
        constexpr std::string_view key = "kubelet.config.registerWithTaints";
        const auto* taints = member(config_, "registerWithTaints");
        if (taints == nullptr)
                return;

        if (!taints->is_array()) {
                report_->problem(key, value_text(*taints), "must be a list of taints", taint_in_config);
                return;
        }

        TaintNames seen;
        for (std::size_t i = 0; i < taints->size(); ++i)
                check_config_taint(fmt::format("{}[{}]", key, i), taints->at(i), seen);
}

void LabelChecks::check_config_taint(const std::string& key, const Json& given, TaintNames& seen)
{
        Taint taint;
        const auto take = [&](const char* name, std::string& into) {
                const auto* found = member(&given, name);
                const auto* text = text_member(&given, name);
                if (text != nullptr)
                        into = *text;
                return found == nullptr || text != nullptr;
        };

        const bool texts_only = given.is_object() && take("key", taint.key) && take("value", taint.value) &&
                                take("effect", taint.effect);

        const auto wrong = texts_only ? wrong_taint(taint) : "must be a map of strings";
        if (!wrong.empty())
                report_->problem(
                        key, value_text(given), fmt::format("not a taint: {}", wrong), taint_in_config);
        else
                check_taint_is_new(key, value_text(given), taint, seen);
}

void LabelChecks::check_flag_taints(const std::string& key, const std::string& item, std::string_view value)
{
        TaintNames seen;
        const auto given = value.empty() ? std::vector<std::string_view>() : split(value, ','); // "": none
        for (const auto text : given) {
                const auto [taint, wrong] = parse_taint(text);
                if (!wrong.empty())
                        report_->problem(key, item, fmt::format("taint {}: {}", ticked(text), wrong),
                                "Write taints as key=value:NoSchedule,key:NoExecute");
                else
                        check_taint_is_new(key, item, taint, seen);
        }

        if (report_->is_given("node.taints"))
                report_->note(Level::warning, key, item,
                        fmt::format("the flag replaces the taints of node.taints ({}), proceeding",
                                report_->where("node.taints").text()));
}

// The API server refuses a node with two taints of one key and effect, whatever their values.
void LabelChecks::check_taint_is_new(
        const std::string& key, const std::string& value, const Taint& taint, TaintNames& seen)
{
        if (!seen.emplace(taint.key, taint.effect).second)
                report_->problem(key, value,
                        fmt::format(
                                "taint {} is there twice with effect {}", ticked(taint.key), taint.effect),
                        "Remove one of the two taints");
}

} // namespace eks
