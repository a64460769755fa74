// SPDX-License-Identifier: Apache-2.0
#include "checks/check_kubelet_config.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::int64_t most_pods = std::numeric_limits<std::int32_t>::max(); // kubelet's type
constexpr std::int64_t sensible_pods = 250; // what EKS recommends for any instance

// One above the signed range must not wrap.
std::optional<std::int64_t> whole_number(const Json& value)
{
        if (value.is_number_unsigned())
                return static_cast<std::int64_t>(std::min<std::uint64_t>(
                        value.get<std::uint64_t>(), std::numeric_limits<std::int64_t>::max()));
        return value.is_number_integer() ? std::optional(value.get<std::int64_t>()) : std::nullopt;
}

// A setting of kubelet, by flag or by key: a flag of kubelet overrides the key.
struct Given {
        std::string text; // "" if it is not set
        std::string key;  // for messages
};

Given given_text(const KubeletSpec& kubelet, std::string_view flag_name, const char* name)
{
        if (const auto* flag = kubelet.flags.last(flag_name))
                return {flag->value.value_or(""), fmt::format("kubelet.flags[{}]", flag->index)};
        const auto* text = text_member(&kubelet.config, name);
        return {text != nullptr ? *text : "", key_path("kubelet.config", name)};
}

// An entry of a map of quantities, which a flag replaces as a whole. Nothing if neither sets the entry;
// `replaced` if other settings of that map are gone.
struct Amount {
        std::optional<std::string> text;
        bool replaced = false;
};

Amount given_amount(
        const KubeletSpec& kubelet, std::string_view flag_name, const char* name, const char* entry)
{
        Amount amount;
        for (const auto& flag : kubelet.flags.parsed) {
                if (flag.name != flag_name)
                        continue;
                amount.replaced = true;
                const auto entries = flag.value.value_or("");
                for (const auto item : split(entries, ','))
                        if (const auto end = item.find_first_of("=<");
                                end != item.npos && trim(item.substr(0, end)) == entry)
                                amount.text = trim(item.substr(end + 1));
        }
        if (amount.replaced)
                return amount;

        const auto* map = member(&kubelet.config, name);
        amount.replaced = map != nullptr && kubelet.config_replaces;
        if (const auto* value = member(map, entry))
                amount.text = value_text(*value);

        return amount;
}

// What is no quantity is reported elsewhere.
bool is_above_zero(std::string_view quantity)
{
        return quantity.find_first_of("123456789") != quantity.npos;
}

// Whether something of the resource is reserved, by the user or by eksnode.
bool reserves(const KubeletSpec& kubelet, const char* resource)
{
        const auto& [policy, percent, system_reserved, eviction_hard] = kubelet.reservations;
        const auto is_reserved = [&](const char* flag, const char* name, bool by_eksnode) {
                const auto amount = given_amount(kubelet, flag, name, resource);
                return amount.text ? is_above_zero(*amount.text)
                                   : by_eksnode && !amount.replaced && !kubelet.config_replaces;
        };

        return is_reserved("kube-reserved", "kubeReserved", policy != "none" && policy != "explicit") ||
               is_reserved("system-reserved", "systemReserved", system_reserved);
}

// A profile may set the policy, while another layer chooses to reserve nothing.
void check_cpu_manager(const KubeletSpec& kubelet, const CheckReport& report)
{
        const auto policy = given_text(kubelet, "cpu-manager-policy", "cpuManagerPolicy");
        if (policy.text == "static" && !reserves(kubelet, "cpu") &&
                given_text(kubelet, "reserved-cpus", "reservedSystemCPUs").text.empty())
                report.problem(policy.key, policy.text,
                        "kubelet does not start with it unless some CPU is reserved",
                        "Set kubelet.config.kubeReserved.cpu, such as 100m, or another policy");
}

// Whether kubelet keeps memory free by eviction: its own default does.
bool evicts_for_memory(const KubeletSpec& kubelet)
{
        const auto amount = given_amount(kubelet, "eviction-hard", "evictionHard", "memory.available");
        if (amount.text)
                return is_above_zero(*amount.text);
        return !amount.replaced &&
               (kubelet.reservations.eviction_hard || member(&kubelet.config, "evictionHard") == nullptr);
}

// The sum of reservedMemory must be what kubelet keeps from pods, which is known on the node only.
void check_memory_manager(const KubeletSpec& kubelet, const CheckReport& report)
{
        const auto policy = given_text(kubelet, "memory-manager-policy", "memoryManagerPolicy");
        const auto* reserved = member(&kubelet.config, "reservedMemory");
        const auto* gate = member(member(&kubelet.config, "featureGates"), "MemoryManager");
        const bool is_off = gate != nullptr && *gate == false;
        const bool is_given = kubelet.flags.last("reserved-memory") != nullptr ||
                              (reserved != nullptr && !(reserved->is_array() && reserved->empty()));
        if (policy.text == "Static" && !is_off && !is_given &&
                (reserves(kubelet, "memory") || evicts_for_memory(kubelet)))
                report.problem(policy.key, policy.text,
                        "kubelet does not start with it without reservedMemory",
                        "Set kubelet.config.reservedMemory so that its sum is kubeReserved.memory, "
                        "systemReserved.memory and evictionHard's memory.available together");
}

// A share of the disk, as set for kubelet by flag, by key, or by default.
struct Threshold {
        const char* name;
        std::int64_t value; // at first kubelet's default
        std::string key;    // the place that sets it; empty if none does
};

// False if the value is not a number, which another check reports.
bool read_threshold(Threshold& threshold, const char* flag_name, const KubeletSpec& kubelet)
{
        std::optional<std::int64_t> given = threshold.value;
        if (const auto* found = member(&kubelet.config, threshold.name);
                found != nullptr && !found->is_null()) {
                given = whole_number(*found);
                threshold.key = key_path("kubelet.config", threshold.name);
        }

        if (const auto* flag = kubelet.flags.last(flag_name)) {
                given = parse_int<std::int64_t>(flag->value.value_or(""));
                threshold.key = "kubelet.flags";
        }

        threshold.value = given.value_or(0);
        return given.has_value();
}

// Defaults of kubelet, which an image's own defaults may replace.
void check_image_gc(const KubeletSpec& kubelet, const CheckReport& report)
{
        Threshold high{"imageGCHighThresholdPercent", 85, {}};
        Threshold low{"imageGCLowThresholdPercent", 80, {}};
        if (!read_threshold(high, "image-gc-high-threshold", kubelet) ||
                !read_threshold(low, "image-gc-low-threshold", kubelet) || low.value < high.value ||
                (high.key.empty() && low.key.empty()))
                return;

        const auto& given = high.key.empty() ? low : high;
        const auto& other = high.key.empty() ? high : low;
        const auto wrong =
                fmt::format("kubelet does not start with {} {} and {} {}{}: the first must be above "
                            "the second",
                        high.name, high.value, low.name, low.value,
                        other.key.empty() ? fmt::format(", where {} is its default", other.value) : "");
        if (other.key.empty())
                report.doubt(given.key, std::to_string(given.value), wrong);
        else
                report.problem(given.key, std::to_string(given.value), wrong,
                        "Set the one higher, or the other lower");
}

} // namespace

void check_kubelet_config(const KubeletSpec& kubelet, const CheckReport& report)
{
        const auto* config = &kubelet.config;
        const auto must_be = [&](const char* name, const char* wanted) {
                const auto* found = member(config, name);
                if (found != nullptr && *found != wanted)
                        report.problem(key_path("kubelet.config", name), value_text(*found),
                                fmt::format("must be '{}'", wanted), "Remove the key, or give that value");
        };

        must_be("apiVersion", "kubelet.config.k8s.io/v1beta1");
        must_be("kind", "KubeletConfiguration");

        if (const auto* pods = member(config, "maxPods"))
                check_max_pods("kubelet.config.maxPods", value_text(*pods), whole_number(*pods), report);
        check_cpu_manager(kubelet, report);
        check_memory_manager(kubelet, report);
        check_image_gc(kubelet, report);
}

void check_reservations(const KubeletSpec& kubelet, const CheckReport& report)
{
        const auto& policy = kubelet.reservations.policy;
        const auto& percent = kubelet.reservations.memory_limit_percent;
        if (percent && (*percent < 1 || *percent > 100))
                report.problem("kubelet.reservations.memoryLimitPercent", std::to_string(*percent),
                        "not a share from 1 to 100 %",
                        "Give the most that kubeReserved may keep of the machine's memory");

        const auto* reserved = member(&kubelet.config, "kubeReserved");
        if (policy == "explicit" && (reserved == nullptr || !reserved->is_object() || reserved->empty()) &&
                kubelet.flags.last("kube-reserved") == nullptr)
                report.problem("kubelet.reservations.policy", policy,
                        "kubelet.config.kubeReserved is missing",
                        "Set kubelet.config.kubeReserved, or the policy to 'none'");
}

void check_max_pods(std::string_view key, std::string_view value, std::optional<std::int64_t> pods,
        const CheckReport& report)
{
        if (!pods || *pods < 0 || *pods > most_pods)
                report.problem(key, value, fmt::format("not a whole number from 0 to {}", most_pods),
                        "Give the number of pods that fit this instance type, or remove it");
        else if (*pods == 0)
                report.doubt(key, value, "the node takes no pods");
        else if (*pods > sensible_pods)
                report.note(Level::warning, key, value,
                        fmt::format("EKS recommends at most {} pods on a node, proceeding", sensible_pods));
}

} // namespace eks
