// SPDX-License-Identifier: Apache-2.0
#include "checks/check_swap.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

// The last one that sets whether kubelet refuses swap: its flag overrides its file.
struct FailSwapOn {
        bool on;
        std::string where; // empty: nothing sets it
};

FailSwapOn fail_swap_on(const KubeletSpec& kubelet)
{
        // With `replace`, nothing that eksnode writes counts; true is kubelet's default.
        FailSwapOn found{.on = kubelet.config_replaces, .where = {}};
        const auto* given = member(&kubelet.config, "failSwapOn");
        if (given != nullptr && given->is_boolean())
                found = {given->get<bool>(), "kubelet.config.failSwapOn"};
        if (const auto* flag = kubelet.flags.last("fail-swap-on"))
                found = {go_boolean(flag->value.value_or("true")).value_or(true), "kubelet.flags"};

        return found;
}

void check_kubelet(const KubeletSpec& kubelet, const std::string& kind, const CheckReport& report)
{
        if (const auto [on, where] = fail_swap_on(kubelet); on)
                report.problem(where.empty() ? "kubelet.configMode" : where, where.empty() ? "replace" : "",
                        fmt::format("kubelet does not start with the swap that swap = '{}' turns on, "
                                    "unless failSwapOn is false",
                                kind),
                        "Set kubelet.config.failSwapOn to false, or remove swap");

        const auto* config = &kubelet.config;
        if (const auto* behaviour = text_member(member(config, "memorySwap"), "swapBehavior");
                behaviour != nullptr && *behaviour == "NoSwap")
                report.doubt("kubelet.config.memorySwap.swapBehavior", *behaviour,
                        fmt::format("pods do not use the swap that swap = '{}' turns on", kind));

        if (const auto* gate = member(member(config, "featureGates"), "NodeSwap");
                gate != nullptr && *gate == false)
                report.doubt("kubelet.config.featureGates.NodeSwap", "false",
                        fmt::format("kubelet does not limit how pods use the swap that swap = '{}' turns on",
                                kind));
}

} // namespace

void check_swap(const HostSpec& host, const KubeletSpec& kubelet, const CheckReport& report)
{
        const auto& swap = host.swap;
        if (!swap || !swap->is_on()) {
                if (!trim(host.swap_size).empty())
                        report.doubt("swapSize", host.swap_size, "it has no effect without swap");
                return;
        }

        check_kubelet(kubelet, swap->name, report);
        if (swap->directory.empty() && swap->is_file())
                report.doubt("swap", swap->name,
                        "there is no swap without instance.localStorage.strategy, which mounts the instance store");
}

} // namespace eks
