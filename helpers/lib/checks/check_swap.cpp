// SPDX-License-Identifier: Apache-2.0
#include "checks/check_swap.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

constexpr const char* key = "swap";

// The last one that sets whether kubelet refuses swap: its flag overrides its file.
struct FailSwapOn {
        bool on;
        std::string where; // empty: nothing sets it
};

FailSwapOn fail_swap_on(const Json* kubelet, std::span<const KubeletFlag> flags)
{
        const auto* mode = text_member(kubelet, "configMode");
        // With `replace`, nothing that eksnode writes counts; true is kubelet's default.
        FailSwapOn found{.on = mode != nullptr && *mode == "replace", .where = {}};
        const auto* given = member(member(kubelet, "config"), "failSwapOn");
        if (given != nullptr && given->is_boolean())
                found = {given->get<bool>(), "kubelet.config.failSwapOn"};
        for (const auto& flag : flags)
                if (flag.name == "fail-swap-on")
                        found = {go_boolean(flag.value.value_or("true")).value_or(true), "kubelet.flags"};
        return found;
}

void check_kubelet(const Json* kubelet, std::span<const KubeletFlag> flags, const std::string& kind,
        const CheckReport& report)
{
        if (const auto [on, where] = fail_swap_on(kubelet, flags); on)
                report.problem(where.empty() ? "kubelet.configMode" : where, where.empty() ? "replace" : "",
                        fmt::format("kubelet does not start with the swap that swap = '{}' turns on, "
                                    "unless failSwapOn is false",
                                kind),
                        "Set kubelet.config.failSwapOn to false, or remove swap");
        const auto* config = member(kubelet, "config");
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

void check_swap(const Json& tree, std::span<const KubeletFlag> flags, const CheckReport& report)
{
        const auto* given = text_member(&tree, key);
        const auto kind = given == nullptr ? std::string() : std::string(trim(*given));
        if (const auto* size = text_member(&tree, "swapSize");
                size != nullptr && !trim(*size).empty() && (kind.empty() || kind == "off"))
                report.doubt("swapSize", *size, "it has no effect without swap");
        if (kind.empty() || kind == "off")
                return;
        check_kubelet(member(&tree, "kubelet"), flags, kind, report);
        const auto* strategy = text_member(member(member(&tree, "instance"), "localStorage"), "strategy");
        if (kind == "instance-store" && (strategy == nullptr || strategy->empty() || *strategy == "none"))
                report.doubt(key, kind,
                        "there is no swap without instance.localStorage.strategy, which mounts the instance store");
}

} // namespace eks
