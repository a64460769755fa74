// SPDX-License-Identifier: Apache-2.0
#include "node/reservations.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "node/cpu.hpp"
#include "node/max_pods.hpp"
#include "node/memory.hpp"

namespace eks {

namespace {

unsigned cpus(const NodeInputs& node, std::vector<Note>& notes)
{
        try {
                return online_millicpus(node.root);
        } catch (const Error& e) {
                if (const auto type = find_instance_type(node.root, node.facts.instance_type);
                        type && type->vcpus > 0)
                        return type->vcpus * 1000;

                notes.push_back({Level::warning,
                        fmt::format("{}, and the processors of the instance type '{}' are not known: no CPU "
                                    "is reserved for kubelet, proceeding",
                                e.what(), node.facts.instance_type)});
                return 0;
        }
}

std::optional<std::uint64_t> machine_mib(
        const NodeInputs& node, std::string_view instead, std::vector<Note>& notes)
{
        try {
                return online_memory_mib(node.root);
        } catch (const Error& e) {
                notes.push_back({Level::warning, fmt::format("{}: {}, proceeding", e.what(), instead)});
                return std::nullopt;
        }
}

struct Memory {
        std::uint64_t mib;
        std::string why;
};

Memory memory_by_policy(const NodeInputs& node, unsigned pods, std::vector<Note>& notes)
{
        if (node.spec.kubelet.reservations.policy == "gke")
                if (const auto machine =
                                machine_mib(node, "kubeReserved.memory is that of the policy eks", notes))
                        return {gke_reserved_mib(*machine),
                                fmt::format("gke policy: tiers of the machine's {} MiB", *machine)};
        return {eks_reserved_mib(pods), fmt::format("eks policy: 11 MiB x {} pods + 255 MiB", pods)};
}

} // namespace

unsigned reserved_millicpus(unsigned total)
{
        struct Range {
                unsigned end;       // milliCPU
                unsigned per_10000; // of the part in the range
        };
        constexpr std::array ranges{Range{1000, 600}, Range{2000, 100}, Range{4000, 50}, Range{~0U, 25}};
        unsigned reserved = 0;
        unsigned begin = 0;

        for (const auto& [end, per_10000] : ranges) {
                if (total > begin)
                        reserved += (std::min(total, end) - begin) * per_10000 / 10000;
                begin = end;
        }

        return reserved;
}

std::uint64_t gke_reserved_mib(std::uint64_t machine_mib)
{
        constexpr std::uint64_t gib = 1024;
        if (machine_mib < gib)
                return 255;

        struct Range {
                std::uint64_t end; // MiB
                unsigned percent;  // of what lies in the range
        };
        constexpr std::array ranges{Range{4 * gib, 25}, Range{8 * gib, 20}, Range{16 * gib, 10},
                Range{128 * gib, 6}, Range{~std::uint64_t{0}, 2}};
        std::uint64_t hundredths = 0;
        std::uint64_t begin = 0;

        for (const auto& [end, percent] : ranges) {
                if (machine_mib > begin)
                        hundredths += (std::min(machine_mib, end) - begin) * percent;
                begin = end;
        }

        return hundredths / 100;
}

Json default_system_reserved()
{
        return {{"cpu", "50m"}, {"ephemeral-storage", "256Mi"}, {"memory", "384Mi"}, {"pid", "100"}};
}

KubeReserved kube_reserved(const NodeInputs& node, unsigned pods, std::vector<Note>& notes)
{
        const auto& settings = node.spec.kubelet.reservations;
        if (settings.policy == "none" || settings.policy == "explicit")
                return {.why = settings.policy == "none" ? "none policy: nothing is reserved"
                                                         : "explicit policy: what kubelet.config says"};

        auto memory = memory_by_policy(node, pods, notes);

        if (settings.memory_limit_percent)
                if (const auto machine = machine_mib(
                            node, "kubelet.reservations.memoryLimitPercent has no effect", notes)) {
                        const auto most = *machine * *settings.memory_limit_percent / 100;
                        if (memory.mib > most)
                                memory = {
                                        most, fmt::format("{}, cut to {} % of the machine's {} MiB",
                                                      memory.why, *settings.memory_limit_percent, *machine)};
                }

        return {fmt::format("{}m", reserved_millicpus(cpus(node, notes))), fmt::format("{}Mi", memory.mib),
                memory.why};
}

} // namespace eks
