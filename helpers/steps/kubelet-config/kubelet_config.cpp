// SPDX-License-Identifier: Apache-2.0
#include "steps/kubelet-config/kubelet_config.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "config/kubelet_flags.hpp"
#include "node/cgroup.hpp"
#include "node/iptables.hpp"
#include "node/kubelet_gates.hpp"
#include "node/locked_gates.hpp"
#include "node/max_pods.hpp"
#include "node/registration.hpp"
#include "node/reservations.hpp"
#include "systemd/swaps.hpp"

namespace eks {

namespace {

constexpr const char* kind = "KubeletConfiguration";
constexpr const char* api_version = "kubelet.config.k8s.io/v1beta1";

bool reserves_cpus_by_number(const NodeSpec& spec)
{
        const auto cpus = spec.kubelet.config.find("reservedSystemCPUs");
        return (cpus != spec.kubelet.config.end() && !cpus->is_null() && *cpus != "") ||
               spec.kubelet.flags.last("reserved-cpus") != nullptr;
}

// The values of the table that this kubelet accepts.
void apply_gates(Json& config, const Version& kubelet)
{
        for (const auto& gate : kubelet_gates()) {
                if (gate.place != GatePlace::config)
                        continue;

                const Json::json_pointer key{std::string(gate.name)};
                if (gate.holds(kubelet) && !gate.value.empty())
                        config[key] = parse_json(gate.value);
                else if (!gate.holds(kubelet) && gate.value.empty())
                        config[key.parent_pointer()].erase(key.back());
        }
}

// Taints have a key in the file; labels do not, so eks-kubelet-args sets them.
Json register_with_taints(const NodeInputs& node)
{
        auto list = Json::array();
        for (const auto& [key, value, effect] : configured_taints(node)) {
                Json taint{{"key", key}, {"effect", effect}};
                if (!value.empty())
                        taint["value"] = value;
                list.push_back(std::move(taint));
        }

        return list;
}

// kubelet then limits the processes of runtime.slice to what is reserved, where the shims of all pods are.
bool enforces_kube_reserved(const KubeletSpec& kubelet)
{
        bool enforces = false;
        if (const auto list = kubelet.config.find("enforceNodeAllocatable");
                list != kubelet.config.end() && list->is_array())
                enforces = std::ranges::find(*list, "kube-reserved") != list->end();

        for (const auto& flag : kubelet.flags.parsed)
                if (flag.name == "enforce-node-allocatable" && flag.value) {
                        const auto enforced = split(*flag.value, ',');
                        enforces = std::ranges::find(enforced, "kube-reserved") != enforced.end();
                }

        return enforces;
}

Json vendor_kubelet_config(const Root& root)
{
        return in_vendor_file(kubelet_config_template, [&] {
                auto document = parse_json(read_file(root(kubelet_config_template)));
                document.get_ref<const Json::object_t&>();

                // The maps that we add to, if they exist.
                for (const char* map : {"featureGates", "kubeReserved"})
                        if (document.contains(map))
                                document.at(map).get_ref<const Json::object_t&>();
                return document;
        });
}

void set_reservations(Json& config, const NodeInputs& node, unsigned pods, StepPlan& plan)
{
        const auto reserved = kube_reserved(node, pods, plan.notes);
        plan.decisions.push_back(fmt::format("kubeReserved: {}", reserved.why));

        if (reserved.cpu.empty()) {
                config.erase("kubeReserved");
        } else {
                config["kubeReserved"]["cpu"] = reserved.cpu;
                config["kubeReserved"]["memory"] = reserved.memory;
                if (enforces_kube_reserved(node.spec.kubelet))
                        config["kubeReserved"].erase("pid");
        }

        if (node.spec.kubelet.reservations.system_reserved)
                config["systemReserved"] = default_system_reserved();

        if (!node.spec.kubelet.reservations.eviction_hard)
                config.erase("evictionHard");
        else if (node.spec.storage.separate_images && config.contains("evictionHard")) // as kubelet's own
                config["evictionHard"].update({{"imagefs.available", "15%"}, {"imagefs.inodesFree", "5%"}});

        if (reserves_cpus_by_number(node.spec)) // kubelet does not start with both
                for (const char* cgroup : {"kubeReservedCgroup", "systemReservedCgroup"})
                        config.erase(cgroup);
}

// The stub of systemd-resolved listens on the host's loopback address. Pods cannot reach it, and CoreDNS
// would query itself. They get the file with the real servers.
bool resolv_conf_is_stub(const Root& root)
{
        if (const auto link = read_link_if_exists(root("/etc/resolv.conf")))
                return link->ends_with("/stub-resolv.conf");
        const auto text = read_file_if_exists(root("/etc/resolv.conf")).value_or("");
        return text.find("nameserver 127.0.0.53") != text.npos;
}

// From 1.35 on kubelet ends at once on a host with cgroup v1, unless configured otherwise.
void refuse_cgroup_v1(const NodeInputs& node, const Json& generated)
{
        constexpr Version refuses_since{1, 35, 0};
        if (node.versions.kubelet < refuses_since || cgroup_version(node.root) != 1)
                return;

        auto config = node.spec.kubelet.config_replaces ? Json::object() : generated;
        config.merge_patch(node.spec.kubelet.config);

        bool fails = config.value("failCgroupV1", Json(true)) != false;
        if (const auto* flag = node.spec.kubelet.flags.last("fail-cgroupv1"))
                fails = go_boolean(flag->value.value_or("true")).value_or(true);

        if (fails)
                throw Error(failure::cgroup_v1,
                        fmt::format("kubelet {} does not start here: '/sys/fs/cgroup' is not cgroup v2",
                                node.versions.kubelet.text()),
                        "Boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1 on the kernel command "
                        "line), or "
                        "set kubelet.config.failCgroupV1 to false while kubelet still knows cgroup v1");
}

// Whether the configuration turns the gate off, with which kubelet takes no memorySwap.
bool disables_node_swap(const NodeSpec& spec)
{
        const auto gates = spec.kubelet.config.value("featureGates", Json());
        bool off = gates.is_object() && gates.value("NodeSwap", Json()) == false;
        for (const auto& flag : spec.kubelet.flags.parsed)
                if (flag.name == "feature-gates" && flag.value)
                        for (const auto item : split(*flag.value, ','))
                                if (item.starts_with("NodeSwap="))
                                        off = !go_boolean(item.substr(item.find('=') + 1)).value_or(true);

        return off;
}

// kubelet ends where swap is on, unless configured otherwise. With the key `swap`, pods use it as far as
// KEP-2400 allows. Without it, a node with swap that came with its image or its instance type, as zram of
// some distributions does, joins all the same.
void allow_swap(Json& config, const NodeInputs& node, std::vector<Note>& notes)
{
        constexpr Version knows_no_swap{1, 30, 0}; // before, pods use swap unless told LimitedSwap
        const auto& swap = node.spec.host.swap;

        const bool wanted = swap && swap->is_on();
        const auto areas = swap_areas(node.root);
        if (!wanted && (areas.empty() || node.spec.kubelet.config.contains("failSwapOn")))
                return;

        const bool unused = !wanted && node.versions.kubelet >= knows_no_swap;
        config["failSwapOn"] = false;

        if (!disables_node_swap(node.spec)) {
                config["memorySwap"]["swapBehavior"] = unused ? "NoSwap" : "LimitedSwap";
                if (node.versions.kubelet < knows_no_swap) // the gate is off by default
                        config["featureGates"]["NodeSwap"] = true;
        }

        if (!wanted)
                notes.push_back({Level::warning,
                        fmt::format(
                                "swap is on ({}), which kubelet would not start with: failSwapOn is set to false, and "
                                "{}. {}, proceeding",
                                names_of(areas),
                                unused ? "pods use no swap" : "only pods of the class Burstable use it",
                                swap ? "eks-swap says why it was not turned off"
                                     : "Set swap to 'off', or remove it from the image, or set "
                                       "kubelet.config.failSwapOn")});
        else if (cgroup_version(node.root) == 1)
                notes.push_back({Level::warning,
                        fmt::format("{}: swap = '{}': pods use no swap with cgroup v1, proceeding",
                                swap->source, swap->name)});
}

void refuse_gates(const NodeInputs& node, std::vector<Note>& notes)
{
        for (const auto& [text, certain] : gate_conflicts(node.spec, node.versions.kubelet)) {
                if (certain)
                        throw Error(failure::config_invalid, text, "Remove the gate");
                notes.push_back({Level::warning, text + ", proceeding", true});
        }
}

// kubelet, kube-proxy and the CNI plugin use the program that the machine has.
void note_mixed_iptables(const Root& root, std::vector<Note>& notes)
{
        const auto iptables = find_iptables(root);
        if (iptables.mixed())
                notes.push_back({Level::warning,
                        fmt::format("iptables is that of nf_tables, and tables of the legacy program are in "
                                    "use ({}), so packets of pods go through the rules of both; find what "
                                    "calls iptables-legacy, and reboot, proceeding",
                                join(iptables.old_tables, ", "))});
}

} // namespace

Json generated_reservations(const NodeInputs& node, unsigned pods, StepPlan& plan)
{
        auto config = vendor_kubelet_config(node.root);
        set_reservations(config, node, pods, plan);
        return config.value("kubeReserved", Json::object());
}

Json generated_kubelet_config(const NodeInputs& node, StepPlan& plan)
{
        const auto pods = max_pods(node, plan.notes);
        plan.decisions.push_back(fmt::format("kubelet runs {} pods: {}; eksnode writes maxPods {}: {}",
                pods.effective, pods.why, pods.computed, pods.computed_why));

        auto config = vendor_kubelet_config(node.root);
        if (node.spec.cluster.service_cidr)
                config["clusterDNS"] = {node.spec.cluster.service_cidr->dns_address()};
        set_reservations(config, node, pods.effective, plan);
        config["maxPods"] = pods.computed;
        config["providerID"] = fmt::format("aws:///{}/{}",
                require(node.facts.availability_zone, "availabilityZone", node.facts.source),
                require(node.facts.instance_id, "instanceId", node.facts.source));

        if (node.decided.soci) // which could read the login of each pull
                config["imageServiceEndpoint"] = fmt::format("unix://{}", soci_socket);
        if (resolv_conf_is_stub(node.root))
                config["resolvConf"] = "/run/systemd/resolve/resolv.conf";
        if (!node.spec.registration.taints.empty())
                config["registerWithTaints"] = register_with_taints(node);
        allow_swap(config, node, plan.notes);
        apply_gates(config, node.versions.kubelet);

        return config;
}

StepPlan plan_kubelet_config(const NodeInputs& node)
{
        StepPlan plan{.notes = kubelet_version_notes(node.versions.kubelet)};
        note_mixed_iptables(node.root, plan.notes);
        refuse_gates(node, plan.notes);
        auto config = generated_kubelet_config(node, plan);
        refuse_cgroup_v1(node, config);
        Json user{{"kind", kind}, {"apiVersion", api_version}};
        deep_merge(user, node.spec.kubelet.config);

        // For example headers for a URL of static pods. kubelet's flags are not secret, because every user
        // can see them in the process list.
        const mode_t mode = holds_secret(node.spec.kubelet.config) ? 0600 : 0644;
        File drop_in{.path = fmt::format("{}/40-nodeadm.conf", kubelet_config_directory),
                .content = {},
                .mode = mode};

        plan.decisions.push_back(fmt::format("kubelet.config is {}: kubelet.configMode is {}, kubelet is {}",
                node.spec.kubelet.config_replaces ? "all of kubelet's configuration"
                : has_kubelet_drop_in(node)       ? "a drop-in beside eksnode's file"
                                                  : "merged into eksnode's file",
                node.spec.kubelet.config_replaces ? "replace" : "merge", node.versions.kubelet.text()));

        if (node.spec.kubelet.config_replaces) {
                std::vector<std::string> dropped;
                for (const auto& [key, value] : config.items())
                        if (!user.contains(key))
                                dropped.push_back(key);

                if (!dropped.empty())
                        plan.notes.push_back(
                                {Level::warning, fmt::format("kubelet.configMode is replace: without {}, "
                                                             "which eksnode would have set, proceeding",
                                                         join(dropped, ", "))});
                config = Json::object();
                config.merge_patch(user); // null removes
                drop_in.kind = File::Kind::absent;
        } else if (has_kubelet_drop_in(node)) {
                drop_in.content = user.dump(4) + "\n";
        } else { // as kubelet would merge a drop-in: null removes
                config.merge_patch(node.spec.kubelet.config);
                drop_in.kind = File::Kind::absent;
        }

        plan.files.push_back({.path = std::string(kubelet_config_path),
                .content = config.dump(4) + "\n",
                .mode = has_kubelet_drop_in(node) && !node.spec.kubelet.config_replaces ? mode_t(0644)
                                                                                        : mode});
        plan.files.push_back(std::move(drop_in));
        plan.files.push_back({.path = std::string(kubelet_config_link),
                .content = std::string(kubelet_config_link_target),
                .kind = File::Kind::link});

        return plan;
}

Access kubelet_config_access()
{
        return {.reads = {"/etc/resolv.conf", "/proc/meminfo", "/proc/swaps", "/run/eks",
                        "/sys/devices/system", "/usr/share/eks"},
                .writes = {"/etc/kubernetes/kubelet", "/var/lib/eks", "/var/lib/kubelet"}};
}

} // namespace eks
