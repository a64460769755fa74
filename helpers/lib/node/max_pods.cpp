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

struct Computed {
        unsigned pods;
        std::string why;
};

Computed compute(const NodeInputs& node, std::vector<Note>& notes)
{
        const auto type = require(node.facts.instance_type, "instanceType");
        const auto known = find_instance_type(node.root, type);
        if (!known) {
                notes.push_back({Level::warning,
                        fmt::format(
                                "instance type '{}' is not in '{}': maxPods is kubelet's own default {}, "
                                "proceeding; set kubelet.config.maxPods if the node should run more or "
                                "fewer",
                                type, instance_types_path, default_max_pods)});
                return {default_max_pods, "kubelet's default, for the instance type is unknown"};
        }
        const auto& cni = node.spec.cni;
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
        const auto& limit = node.spec.max_pods_limit;
        const auto recommended = recommended_max_pods(known->vcpus);
        if ((limit == "recommended" || (limit.empty() && prefixes)) && result.pods > recommended)
                result = {recommended,
                        fmt::format("{}, limited from {} as AWS recommends", result.why, result.pods)};
        return result;
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
        const auto columns = split(row, '\t'); // instance_type, max_enis, ipv4_per_eni, vcpus, hypervisor, …
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
