// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate/kubelet_rules.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "config/addresses.hpp"
#include "config/known_keys.hpp"
#include "verbs/validate/kubelet_names.hpp"
#include "verbs/validate/kubelet_values.hpp"

namespace eks {

namespace {

constexpr std::string_view config_keys = "kubelet.config.";
constexpr std::string_view correct_value = "Correct the value: kubelet does not start with this";

// 34 of "1.34"; 0 of anything else.
unsigned minor_of(std::string_view version)
{
        return version.starts_with("1.") ? parse_int<unsigned>(version.substr(2)).value_or(0) : 0;
}

class RuleChecker {
public:
        RuleChecker(const KubeletSchema& schema, const Json& config, unsigned minor,
                std::vector<KubeletFinding>& findings)
                : schema_(&schema), config_(&config), minor_(minor), findings_(&findings)
        {
                for (const auto& finding : findings)
                        wrong_.insert(finding.key);
        }

        void run()
        {
                check_ranges();
                check_enums();
                check_gates();
                check_gated_fields();
                check_addresses();
                check_single_settings();
                check_images();
                check_durations();
                check_shutdown();
                check_swap();
                check_enforcement();
                check_reserved();
                check_reserved_memory();
                check_policy_options();
                check_option_conflicts();
                check_eviction();
        }

private:
        // The value of a field, if it is set and of its type.
        const Json* get(std::string_view path) const
        {
                const auto* value = find_path(*config_, path);
                return value == nullptr || value->is_null() || is_wrong(path) ? nullptr : value;
        }

        // The same of a map, of which single values may have a wrong type; call is_wrong() for each.
        const Json* get_map(std::string_view path) const
        {
                const auto* value = find_path(*config_, path);
                return value != nullptr && value->is_object() ? value : nullptr;
        }

        bool is_wrong(std::string_view path) const
        {
                const auto key = std::string(config_keys).append(path);
                for (auto end = key.find('.', config_keys.size()); end != key.npos;
                        end = key.find('.', end + 1))
                        if (wrong_.contains(key.substr(0, end))) // a field of a map that this version lacks
                                return true;

                return wrong_.contains(key) ||
                       std::ranges::any_of(std::array{'.', '['}, [&](char separator) {
                               const auto below = wrong_.lower_bound(key + separator);
                               return below != wrong_.end() && below->starts_with(key + separator);
                       });
        }

        std::string text(std::string_view path) const
        {
                const auto* value = get(path);
                return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
        }

        double number(std::string_view path, double otherwise) const
        {
                const auto* value = get(path);
                return value != nullptr && value->is_number() ? value->get<double>() : otherwise;
        }

        bool boolean(std::string_view path, bool otherwise) const
        {
                const auto* value = get(path);
                return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
        }

        double seconds(std::string_view path, double otherwise = 0) const
        {
                return go_duration(text(path)).value_or(otherwise);
        }

        void refuse(const std::string& path, std::string wrong)
        {
                const auto* value = find_path(*config_, path);
                findings_->push_back({.key = std::string(config_keys) + path,
                        .value = value == nullptr || value->is_structured() ? std::string()
                                                                            : value_text(*value),
                        .wrong = std::move(wrong),
                        .remedy = std::string(correct_value)});
        }

        struct Gate {
                bool on;     // its default
                char stage;  // a, b, g or d, as the table has them
                bool locked; // to the default
        };

        // A gate of this version, at its default.
        std::optional<Gate> gate(const std::string& name) const
        {
                const auto row = schema_->table().at("gates").value(name, std::string());
                std::optional<Gate> found;
                for (const auto entry : split(row, ' ')) { // "1.24B", "1.33G!", "1.37x"
                        const auto letter = entry.find_first_not_of("0123456789.");
                        if (letter == entry.npos || minor_of(entry.substr(0, letter)) > minor_)
                                continue;

                        const char stage = entry[letter];
                        if (stage == 'x')
                                found.reset();
                        else
                                found = Gate{.on = stage < 'a',
                                        .stage = static_cast<char>(stage | 0x20),
                                        .locked = entry.ends_with('!')};
                }

                return found;
        }

        bool is_known_to_some_version(const std::string& name) const
        {
                return schema_->table().at("gates").contains(name);
        }

        // Whether the feature is in effect; one that is gone had become part of kubelet.
        bool has_feature(const std::string& name) const
        {
                const auto known = gate(name);
                if (!known)
                        return is_known_to_some_version(name);

                const auto* gates = get("featureGates");
                const auto set = [&](const char* of) -> const Json* {
                        const auto* value = gates != nullptr ? find_path(*gates, of) : nullptr;
                        return value != nullptr && value->is_boolean() ? value : nullptr;
                };

                if (const auto* own = set(name.c_str()))
                        return *own == true;
                if (const auto* all = set(known->stage == 'a' ? "AllAlpha" : "AllBeta");
                        all != nullptr && (known->stage == 'a' || known->stage == 'b'))
                        return *all == true;

                return known->on;
        }

        void check_ranges()
        {
                for (const auto& row :
                        schema_->table().at("ranges")) { // field, flag, least, most, kubelet's words
                        const auto path = row.at(0).get<std::string>();
                        const auto* value = get(path);
                        if (value == nullptr || !value->is_number() ||
                                path == "maxPods") // the checks have that
                                continue;

                        const auto given = value->get<double>();
                        if (given < row.at(2).get<double>() ||
                                (row.at(3).is_number() && given > row.at(3).get<double>()))
                                refuse(path, row.at(4).get<std::string>());
                }
        }

        void check_enums()
        {
                for (const auto& [path, row] : schema_->table().at("enums").items()) {
                        const auto value = text(path);
                        auto allowed = row.get<std::vector<std::string>>();
                        allowed.erase(allowed.begin()); // the flag
                        if (!value.empty() && std::ranges::find(allowed, value) == allowed.end())
                                refuse(path, fmt::format("must be one of {}{}", fmt::join(allowed, ", "),
                                                     did_you_mean(value, allowed)));
                }
        }

        // Those that a version has removed are left to gate_conflicts().
        void check_gates()
        {
                const auto* gates = get("featureGates");
                if (gates == nullptr)
                        return;

                for (const auto& [name, on] : gates->items()) {
                        const auto found = gate(name);
                        if (found && found->locked && on != found->on)
                                refuse("featureGates." + name,
                                        fmt::format("kubelet locks this feature gate to {}", found->on));
                        else if (!found && minor_of(first_version(name)) > minor_)
                                refuse("featureGates." + name,
                                        fmt::format("kubelet has this feature gate from {} on",
                                                first_version(name)));
                }
        }

        std::string first_version(const std::string& name) const
        {
                const auto row = schema_->table().at("gates").value(name, std::string());
                return row.substr(0, row.find_first_not_of("0123456789."));
        }

        void check_gated_fields()
        {
                const auto is_empty = [](const Json& value) {
                        return value == "" || value == "0s" || value == false ||
                               (value.is_structured() && value.empty());
                };

                for (const auto& row : schema_->table().at("gated")) { // field, gate, kubelet's words
                        const auto path = row.at(0).get<std::string>();
                        const auto name = row.at(1).get<std::string>();
                        const auto* value = get(path);
                        if (value != nullptr && !is_empty(*value) && !has_feature(name))
                                refuse(path, fmt::format("needs the feature gate {}, which is off", name));
                }
        }

        void check_addresses()
        {
                for (const auto* path : {"address", "healthzBindAddress"})
                        if (const auto given = text(path); !given.empty() && !is_address(given))
                                refuse(path, "must be an IP address");

                if (const auto* servers = get("clusterDNS"))
                        for (std::size_t i = 0; i < servers->size(); ++i)
                                if (const auto given = value_text(servers->at(i)); !is_address(given))
                                        refuse(fmt::format("clusterDNS[{}]", i),
                                                fmt::format("'{}' is not an IP address", given));
        }

        void check_single_settings()
        {
                if (const auto logs = text("podLogsDir"); !logs.empty() && !logs.starts_with('/'))
                        refuse("podLogsDir", "must be an absolute path");
                if (const auto* endpoint = get("containerRuntimeEndpoint");
                        endpoint != nullptr && *endpoint == "")
                        refuse("containerRuntimeEndpoint", "must not be empty");
                if (!text("systemCgroups").empty() && text("cgroupRoot").empty())
                        refuse("systemCgroups", "needs cgroupRoot");
                if (boolean("runOnce", false) && minor_ >= 36)
                        refuse("runOnce", "kubelet no longer runs once");
                if (boolean("enableSystemLogQuery", false) && !boolean("enableSystemLogHandler", true))
                        refuse("enableSystemLogQuery", "needs enableSystemLogHandler");

                if (const auto* factor = get("memoryThrottlingFactor");
                        factor != nullptr && !(number("memoryThrottlingFactor", 1) > 0 &&
                                                     number("memoryThrottlingFactor", 1) <= 1))
                        refuse("memoryThrottlingFactor", "must be above 0 and at most 1");
                if (text("memoryReservationPolicy") == "TieredReservation" && !has_feature("MemoryQoS"))
                        refuse("memoryReservationPolicy", "needs the feature gate MemoryQoS, which is off");
        }

        void check_images()
        {
                const auto oldest = seconds("imageMaximumGCAge");
                const auto youngest = seconds("imageMinimumGCAge", 120);
                if (oldest < 0)
                        refuse("imageMaximumGCAge", "must not be negative");
                else if (oldest > 0 && oldest <= youngest)
                        refuse("imageMaximumGCAge",
                                "must be longer than imageMinimumGCAge (2m if it is not set)");
                if (youngest < 0)
                        refuse("imageMinimumGCAge", "must not be negative");

                if (boolean("serializeImagePulls", true) && number("maxParallelImagePulls", 1) > 1)
                        refuse("maxParallelImagePulls", "needs serializeImagePulls = false to be above 1");

                if (const auto size = text("containerLogMaxSize");
                        !size.empty() && quantity(size).value_or(0) <= 0)
                        refuse("containerLogMaxSize", "must be a quantity above 0, such as \"10Mi\"");
        }

        void check_durations()
        {
                constexpr double default_period = 0.1;
                const auto period = seconds("cpuCFSQuotaPeriod", default_period);
                if (period != default_period && !has_feature("CustomCPUCFSQuotaPeriod"))
                        refuse("cpuCFSQuotaPeriod",
                                "needs the feature gate CustomCPUCFSQuotaPeriod, which is off");
                else if (period < 0.001 || period > 1)
                        refuse("cpuCFSQuotaPeriod", "must be from 1ms to 1s");

                if (seconds("containerLogMonitorInterval", 10) < 3)
                        refuse("containerLogMonitorInterval", "must be at least 3s");
                if (const auto longest = seconds("crashLoopBackOff.maxContainerRestartPeriod", 300);
                        longest < 1 || longest > 300)
                        refuse("crashLoopBackOff.maxContainerRestartPeriod", "must be from 1s to 300s");
        }

        void check_shutdown()
        {
                const auto all = seconds("shutdownGracePeriod");
                const auto critical = seconds("shutdownGracePeriodCriticalPods");
                if (critical > all)
                        refuse("shutdownGracePeriodCriticalPods",
                                "must not be longer than shutdownGracePeriod");

                for (const auto& [path, value] : {std::pair("shutdownGracePeriod", all),
                             {"shutdownGracePeriodCriticalPods", critical}})
                        if (value < 0 || (value > 0 && value < 1))
                                refuse(path, "must be 0 or at least 1s");

                if (const auto* classes = get("shutdownGracePeriodByPodPriority");
                        classes != nullptr && !classes->empty() && (all > 0 || critical > 0))
                        refuse("shutdownGracePeriodByPodPriority",
                                "must not be set beside shutdownGracePeriod");
        }

        void check_swap()
        {
                const auto behavior = text("memorySwap.swapBehavior");
                const std::vector<std::string> allowed =
                        minor_ >= 30 ? std::vector<std::string>{"NoSwap", "LimitedSwap"}
                                     : std::vector<std::string>{"LimitedSwap", "UnlimitedSwap"};
                if (!behavior.empty() && std::ranges::find(allowed, behavior) == allowed.end())
                        refuse("memorySwap.swapBehavior",
                                fmt::format("must be one of {}{}", fmt::join(allowed, ", "),
                                        did_you_mean(behavior, allowed)));
        }

        void check_enforcement()
        {
                constexpr const char* path = "enforceNodeAllocatable";
                const auto* given = get(path);
                if (given == nullptr)
                        return;

                std::set<std::string_view> seen;
                for (std::size_t i = 0; i < given->size(); ++i) {
                        const std::string_view option = given->at(i).get_ref<const std::string&>();
                        if (std::ranges::find(enforceable, option) == enforceable.end())
                                continue; // see check_kubelet_names()

                        const auto place = fmt::format("{}[{}]", path, i);
                        if (option.ends_with("-compressible") && minor_ < 32)
                                refuse(place, fmt::format("kubelet has '{}' from 1.32 on", option));
                        else if (!seen.insert(option).second)
                                refuse(place, fmt::format("'{}' is there twice", option));
                        else if (std::ranges::find(*given, Json(fmt::format("{}-compressible", option))) !=
                                 given->end())
                                refuse(place, fmt::format("'{}' must not be beside '{}-compressible'",
                                                      option, option));
                        else if (option == "none" && given->size() > 1)
                                refuse(place, "'none' must be alone");
                        else if (option != "none" && !boolean("cgroupsPerQOS", true))
                                refuse(place, fmt::format("'{}' needs cgroupsPerQOS", option));
                }
        }

        void check_reserved()
        {
                if (const auto cpus = text("reservedSystemCPUs"); !cpus.empty() && !is_cpu_set(cpus))
                        refuse("reservedSystemCPUs", "must be a list of CPUs, such as \"0-1,8\"");
                else if (!cpus.empty())
                        for (const auto* cgroup : {"kubeReservedCgroup", "systemReservedCgroup"})
                                if (!text(cgroup).empty())
                                        refuse(cgroup, "must not be set beside reservedSystemCPUs");

                for (const auto* path : {"kubeReserved", "systemReserved"}) {
                        const auto* given = get_map(path);
                        if (given == nullptr)
                                continue;

                        for (const auto& [name, value] : given->items())
                                if (const auto amount = quantity(value_text(value));
                                        !is_wrong(key_path(path, name)) && (!amount || *amount < 0))
                                        refuse(key_path(path, name),
                                                "must be a quantity, not negative, such as \"100Mi\"");
                }
        }

        void check_reserved_memory()
        {
                const auto* given = get("reservedMemory");
                if (given == nullptr)
                        return;

                std::set<std::pair<Json, std::string>> seen; // NUMA node and resource
                for (std::size_t i = 0; i < given->size(); ++i) {
                        const auto* limits = find_path(given->at(i), "limits");
                        if (limits == nullptr || !limits->is_object())
                                continue;

                        for (const auto& [name, value] : limits->items()) {
                                const auto key = key_path(fmt::format("reservedMemory[{}].limits", i), name);
                                if (name != "memory" && !name.starts_with("hugepages-"))
                                        refuse(key,
                                                "must be memory or hugepages-SIZE, such as hugepages-2Mi");
                                else if (quantity(value_text(value)) == 0)
                                        refuse(key, "must be above 0");
                                else if (!seen.emplace(given->at(i).value("numaNode", Json(0)), name).second)
                                        refuse(key, "is there twice for this NUMA node");
                        }
                }
        }

        // An option of CPU or topology manager in this version: a, b or g; '\0' before its first.
        char stage_of_option(std::string_view row) const
        {
                char stage = '\0';
                for (const auto entry : split(row, ' '))
                        if (minor_of(entry.substr(0, entry.size() - 1)) <= minor_)
                                stage = entry.back();
                return stage;
        }

        void check_policy_options()
        {
                for (const auto& [field, options] : schema_->table().at("policyOptions").items()) {
                        const auto* given = get_map(field);
                        if (given == nullptr || is_wrong(field))
                                continue;

                        const std::string manager = field == "cpuManagerPolicyOptions" ? "CPU" : "Topology";
                        for (const auto& [name, value] : given->items()) {
                                const auto known = options.find(name);
                                if (known == options.end())
                                        continue; // see check_kubelet_names()

                                const auto& row = known->get_ref<const std::string&>();
                                const char stage = stage_of_option(row);
                                const auto gate = fmt::format("{}ManagerPolicy{}Options", manager,
                                        stage == 'a' ? "Alpha" : "Beta");
                                const auto key = key_path(field, name);
                                if (stage == '\0')
                                        refuse(key, fmt::format("kubelet has this option from {} on",
                                                            row.substr(0, row.find_first_of("ab"))));
                                else if (stage != 'g' && !has_feature(gate))
                                        refuse(key, fmt::format("needs the feature gate {}, which is off",
                                                            gate));
                                else
                                        check_option_value(key, name, value_text(value));
                        }
                }
        }

        void check_option_value(const std::string& key, std::string_view name, const std::string& value)
        {
                constexpr int fewest_nodes = 8; // kubelet's limit without the option
                if (name != "max-allowable-numa-nodes") {
                        if (!go_boolean(value))
                                refuse(key, "must be \"true\" or \"false\"");
                } else if (parse_int<int>(value).value_or(0) < fewest_nodes) {
                        refuse(key, fmt::format("must be a whole number from {}", fewest_nodes));
                }
        }

        void check_option_conflicts()
        {
                constexpr const char* field = "cpuManagerPolicyOptions";
                const auto* given = get_map(field);
                if (given == nullptr || given->empty() || is_wrong(field))
                        return;

                if (const auto policy = text("cpuManagerPolicy"); policy.empty() || policy == "none") {
                        refuse(field, "needs cpuManagerPolicy = static");
                        return;
                }

                const auto is_on = [&](const char* name) {
                        const auto option = given->find(name);
                        return option != given->end() && go_boolean(value_text(*option)) == true;
                };
                if (is_on("align-by-socket") && text("topologyManagerPolicy") == "single-numa-node")
                        refuse(key_path(field, "align-by-socket"),
                                "must not be on beside topologyManagerPolicy = single-numa-node");

                constexpr unsigned last_seen =
                        34; // kubelet 1.N with these pairs; they may be allowed some day
                for (const auto& [one, other] :
                        {std::pair("full-pcpus-only", "distribute-cpus-across-cores"),
                                {"distribute-cpus-across-numa", "distribute-cpus-across-cores"},
                                {"prefer-align-cpus-by-uncorecache", "distribute-cpus-across-cores"},
                                {"prefer-align-cpus-by-uncorecache", "distribute-cpus-across-numa"}})
                        if (is_on(one) && is_on(other)) {
                                refuse(key_path(field, one), fmt::format("must not be on beside {}", other));
                                findings_->back().uncertain = minor_ > last_seen;
                        }
        }

        void check_eviction()
        {
                const auto& signals = schema_->table().at("evictionSignals");
                for (const auto* path : {"evictionHard", "evictionSoft", "evictionSoftGracePeriod",
                             "evictionMinimumReclaim"}) {
                        const auto* given = get_map(path);
                        if (given == nullptr)
                                continue;

                        for (const auto& [name, value] : given->items())
                                if (const auto since = signals.find(name); since == signals.end())
                                        continue; // see check_kubelet_names()
                                else if (const auto first = since->get<std::string>();
                                         minor_of(first) > minor_)
                                        refuse(key_path(path, name),
                                                fmt::format("kubelet has this eviction signal from {} on",
                                                        first));
                                else if (!is_wrong(key_path(path, name)))
                                        check_threshold(path, name, value_text(value));
                }

                const auto* soft = get_map("evictionSoft");
                const auto* grace = get_map("evictionSoftGracePeriod");
                if (soft == nullptr)
                        return;

                for (const auto& [name, value] : soft->items())
                        if (grace == nullptr || !grace->contains(name))
                                refuse(key_path("evictionSoft", name),
                                        "needs an entry in evictionSoftGracePeriod");
        }

        void check_threshold(std::string_view path, const std::string& signal, const std::string& value)
        {
                const auto key = key_path(path, signal);
                if (path == "evictionSoftGracePeriod") {
                        if (const auto period = go_duration(value); !period || *period < 0)
                                refuse(key, "must be a duration with a unit, such as \"30s\"");
                        return;
                }

                if (value.ends_with('%')) {
                        const auto share = quantity(std::string_view(value).substr(0, value.size() - 1));
                        if (!share || *share < 0 || *share > 100)
                                refuse(key, "must be a share from 0% to 100%");
                        return;
                }

                const auto amount = quantity(value);
                if (!amount || *amount < 0 || (*amount == 0 && path != "evictionMinimumReclaim"))
                        refuse(key,
                                "must be a quantity above 0, such as \"100Mi\", or a share, such as \"10%\"");
        }

        const KubeletSchema* schema_;
        const Json* config_;
        unsigned minor_;
        std::vector<KubeletFinding>* findings_;
        std::set<std::string> wrong_; // keys whose values have a wrong type, or that this version lacks
};

} // namespace

void check_rules(const KubeletSchema& schema, const Json& config, unsigned minor,
        std::vector<KubeletFinding>& findings)
{
        RuleChecker(schema, config, minor, findings).run();
}

} // namespace eks
