// SPDX-License-Identifier: Apache-2.0
#include "node/max_pods.hpp"

#include <string>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/kubelet_flags.hpp"

namespace eks {

namespace {

struct Computed {
        unsigned pods;
        std::string why;
};

Computed compute(const NodeInputs& node, std::vector<Note>& notes)
{
        const auto type = require(node.facts.instance_type, "instanceType");
        if (const auto known = find_instance_type(node.root, type))
                return {standard_max_pods(*known), fmt::format("{}: {} network interfaces of {} addresses",
                                                           type, known->max_enis, known->ipv4_per_eni)};
        notes.push_back(
                {Level::warning, fmt::format("instance type '{}' is not in '{}': maxPods is kubelet's own "
                                             "default {}, proceeding; set "
                                             "kubelet.config.maxPods if the node should run more or fewer",
                                         type, instance_types_path, default_max_pods)});
        return {default_max_pods, "kubelet's default, for the instance type is unknown"};
}

// The value of kubelet's command line, which beats its files.
std::optional<unsigned> flagged(const std::vector<std::string>& flags)
{
        std::optional<unsigned> last;
        for (const auto& flag : parse_kubelet_flags(flags))
                if (flag.name == "max-pods")
                        last = parse_int<unsigned>(flag.value.value_or(""));
        return last;
}

} // namespace

std::optional<InstanceType> find_instance_type(const Root& root, std::string_view type)
{
        const auto table = "\n" + read_file(root(instance_types_path));
        const auto at = table.find(fmt::format("\n{}\t", type));
        if (at == std::string::npos)
                return std::nullopt;
        const auto row = std::string_view(table).substr(at + 1, table.find('\n', at + 1) - at - 1);
        const auto columns = split(row, '\t'); // instance_type, max_enis, ipv4_per_eni, …
        const auto enis = columns.size() > 2 ? parse_int<unsigned>(columns[1]) : std::nullopt;
        const auto addresses = columns.size() > 2 ? parse_int<unsigned>(columns[2]) : std::nullopt;
        if (!enis || !addresses || *enis < 1 || *addresses < 1)
                throw Error(failure::vendor_file,
                        fmt::format("'{}' has a malformed row: '{}'", instance_types_path, row),
                        "Reinstall eksnode");
        return InstanceType{*enis, *addresses};
}

MaxPods max_pods(const NodeInputs& node, std::vector<Note>& notes)
{
        const auto [computed, why] = compute(node, notes);
        if (const auto pods = flagged(node.spec.kubelet_flags))
                return {computed, *pods, "--max-pods in kubelet.flags"};
        const auto users = node.spec.kubelet_config.find("maxPods");
        if (users != node.spec.kubelet_config.end() && users->is_number_integer())
                return {computed, users->get<unsigned>(), "kubelet.config.maxPods"};
        if (node.spec.kubelet_config_replaces)
                return {computed, default_max_pods, "kubelet's default: kubelet.configMode is replace"};
        return {computed, computed, why};
}

} // namespace eks
