// SPDX-License-Identifier: Apache-2.0
#include "node/max_pods.hpp"

#include <array>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "cel/cel.hpp"
#include "config/kubelet_flags.hpp"

namespace eks {

namespace {

// "8xlarge", "metal-48xl", "large"
unsigned vcpus_of_size(std::string_view size)
{
        if (size.starts_with("metal-"))
                size.remove_prefix(std::string_view("metal-").size());
        if (size == "xlarge")
                return 4;
        const auto x = size.find("xl");
        return x == size.npos ? 0 : 4 * parse_int<unsigned>(size.substr(0, x)).value_or(0);
}

constexpr std::array<std::string_view, 3> expression_names{"default_enis", "ips_per_eni", "max_pods"};

InstanceType parse_row(std::string_view row)
{
        const auto columns = split(row, '\t'); // instance_type, max_enis, ipv4_per_eni, vcpus, hypervisor, …
        const auto type = columns.empty() ? row : columns[0];
        const auto number = [&](std::size_t column) {
                return columns.size() > column ? parse_int<unsigned>(columns[column]) : std::nullopt;
        };

        const auto enis = number(1);
        const auto addresses = number(2);
        const bool says_vcpus = columns.size() > 3 && !columns[3].empty();
        if (!enis || !addresses || *enis < 1 || *addresses < 1 || (says_vcpus && !number(3)))
                throw Error(failure::vendor_file,
                        fmt::format("'{}' has a malformed row: '{}'", instance_types_path, row),
                        "Reinstall eksnode");

        const auto size = type.substr(type.find('.') + 1);
        const auto hypervisor = columns.size() > 4 ? columns[4] : std::string_view();

        return InstanceType{.max_enis = *enis,
                .ipv4_per_eni = *addresses,
                .vcpus = says_vcpus ? *number(3) : vcpus_of_size(size),
                .nitro = hypervisor.empty() ? !size.starts_with("metal") : hypervisor == "nitro"};
}

std::string describe(const Sourced& expression, const Error& error)
{
        return fmt::format("{}: kubelet.maxPodsExpression = {}: {}", expression.source,
                shown_value(expression.text), error.what());
}

struct Computed {
        unsigned pods;
        std::string why;
};

Computed compute(const NodeInputs& node, std::vector<Note>& notes)
{
        const auto type = require(node.facts.instance_type, "instanceType", node.facts.source);
        const auto known = find_instance_type(node.root, type);
        if (!known) {
                if (const auto pods = parse_int<unsigned>(node.spec.kubelet.max_pods_expression.text))
                        return {*pods, fmt::format("kubelet.maxPodsExpression ({})",
                                               node.spec.kubelet.max_pods_expression.source)};

                notes.push_back({Level::warning,
                        fmt::format(
                                "instance type '{}' is not in '{}': maxPods is kubelet's own default {}, "
                                "proceeding; set kubelet.config.maxPods if the node should run more or "
                                "fewer",
                                type, instance_types_path, default_max_pods)});
                return {default_max_pods, "kubelet's default, for the instance type is unknown"};
        }

        const auto& cni = node.spec.cluster.cni;
        Computed result{cni_max_pods(*known, cni), fmt::format("{}: {} network interfaces of {} addresses",
                                                           type, known->max_enis, known->ipv4_per_eni)};

        const bool prefixes = assigns_prefixes(*known, cni);
        if (cni.prefix_delegation && !prefixes)
                notes.push_back({Level::warning,
                        fmt::format("cni.prefixDelegation does not count for maxPods: '{}' has no Nitro "
                                    "hypervisor, proceeding",
                                type)});

        if (cni.max_enis > 0)
                result.why += fmt::format(", cni.maxENIs {}", cni.max_enis);
        if (cni.custom_networking)
                result.why += ", custom networking";
        if (prefixes)
                result.why += ", prefix delegation";
        const auto& limit = node.spec.kubelet.max_pods_limit;
        const auto restrict_pods = [&] {
                const auto recommended = recommended_max_pods(known->vcpus);
                if (result.pods > recommended)
                        result = {recommended, fmt::format("{}, limited from {} as AWS recommends",
                                                       result.why, result.pods)};
        };

        if (limit == "recommended" || (limit.empty() && prefixes))
                restrict_pods();
        const auto& expression = node.spec.kubelet.max_pods_expression;
        if (expression.text.empty())
                return result;

        try {
                result = {evaluate_max_pods(expression.text, *known, result.pods),
                        fmt::format("kubelet.maxPodsExpression ({})", expression.source)};
        } catch (const Error& e) {
                notes.push_back({Level::warning, fmt::format("{}; maxPods is {}, as without it, proceeding",
                                                         describe(expression, e), result.pods)});
        }

        if (limit == "recommended")
                restrict_pods();

        return result;
}

// The value of kubelet's command line, which overrides its files.
std::optional<unsigned> flagged(const KubeletFlags& flags)
{
        const auto* last = flags.last("max-pods");
        return last != nullptr ? parse_int<unsigned>(last->value.value_or("")) : std::nullopt;
}

} // namespace

std::optional<InstanceType> find_instance_type(const Root& root, std::string_view type)
{
        const auto table = "\n" + read_file(root(instance_types_path));
        const auto at = table.find(fmt::format("\n{}\t", type));
        if (at == std::string::npos)
                return std::nullopt;
        return parse_row(std::string_view(table).substr(at + 1, table.find('\n', at + 1) - at - 1));
}

std::vector<NamedInstanceType> instance_types(const Root& root)
{
        const auto table = read_file(root(instance_types_path));
        const auto rows = lines(table);
        std::vector<NamedInstanceType> types;
        for (std::size_t i = 2; i < rows.size(); ++i) // after the source and the header
                types.push_back({std::string(rows[i].substr(0, rows[i].find('\t'))), parse_row(rows[i])});
        return types;
}

unsigned evaluate_max_pods(std::string_view expression, const InstanceType& type, unsigned max_pods)
{
        const auto pods =
                CelExpression::compile(expression, expression_names)
                        .evaluate(std::array<std::int64_t, 3>{type.max_enis, type.ipv4_per_eni, max_pods});
        if (pods < 1 || pods > std::numeric_limits<std::int32_t>::max())
                throw Error(failure::config_invalid,
                        fmt::format("the result {} is not from 1 to {}", pods,
                                std::numeric_limits<std::int32_t>::max()),
                        "Correct the expression; `eksnode max-pods` shows what it gives");

        return static_cast<unsigned>(pods);
}

std::optional<std::string> wrong_expression(const Sourced& expression)
{
        try {
                if (!expression.text.empty())
                        CelExpression::compile(expression.text, expression_names);
                return std::nullopt;
        } catch (const Error& e) {
                return describe(expression, e);
        }
}

MaxPods max_pods(const NodeInputs& node, std::vector<Note>& notes)
{
        const auto [computed, why] = compute(node, notes);
        if (const auto pods = flagged(node.spec.kubelet.flags))
                return {computed, *pods, "--max-pods in kubelet.flags", why};

        const auto users = node.spec.kubelet.config.find("maxPods");
        if (users != node.spec.kubelet.config.end() && users->is_number_integer())
                return {computed, users->get<unsigned>(), "kubelet.config.maxPods", why};
        if (node.spec.kubelet.config_replaces)
                return {computed, default_max_pods, "kubelet's default: kubelet.configMode is replace", why};

        return {computed, computed, why, why};
}

} // namespace eks
