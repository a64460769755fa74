// SPDX-License-Identifier: Apache-2.0
#include "kubelet_config.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/schema.hpp"
#include "node/cpu.hpp"
#include "node/kubelet_gates.hpp"
#include "node/max_pods.hpp"
#include "node/registration.hpp"

namespace eks {

namespace {

constexpr const char* kind = "KubeletConfiguration";
constexpr const char* api_version = "kubelet.config.k8s.io/v1beta1";

unsigned cpus(const NodeInputs& node, std::vector<Note>& notes)
{
        try {
                return online_millicpus(node.root);
        } catch (const Error& e) {
                notes.push_back({Level::warning,
                        fmt::format("{}: no CPU is reserved for kubelet, proceeding", e.what())});
                return 0;
        }
}

// The table's values, and less of what this kubelet does not take.
void apply_gates(Json& config, const Version& kubelet)
{
        for (const auto& gate : kubelet_gates()) {
                if (gate.place != GatePlace::config)
                        continue;
                const Json::json_pointer key{std::string(gate.name)};
                if (gate.holds(kubelet) && !gate.value.empty())
                        config[key] = Json::parse(gate.value);
                else if (!gate.holds(kubelet) && gate.value.empty())
                        config[key.parent_pointer()].erase(key.back());
        }
}

// Taints have a key; labels do not, and are eks-kubelet-args'.
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

// Everything that we would set, before the user's say.
Json generated_config(const NodeInputs& node, std::vector<Note>& notes)
{
        const auto pods = max_pods(node, notes).computed;
        auto config = in_vendor_file(kubelet_config_template, [&] {
                auto document = Json::parse(read_file(node.root(kubelet_config_template)));
                document.get_ref<const Json::object_t&>();
                // Those that we add to: maps, if they are there.
                for (const char* map : {"featureGates", "kubeReserved"})
                        if (document.contains(map))
                                document.at(map).get_ref<const Json::object_t&>();
                return document;
        });
        if (node.spec.service_cidr)
                config["clusterDNS"] = {node.spec.service_cidr->dns_address()};
        config["kubeReserved"]["cpu"] = fmt::format("{}m", reserved_millicpus(cpus(node, notes)));
        config["kubeReserved"]["memory"] = fmt::format("{}Mi", reserved_memory_mib(pods));
        config["maxPods"] = pods;
        config["providerID"] =
                fmt::format("aws:///{}/{}", require(node.facts.availability_zone, "availabilityZone"),
                        require(node.facts.instance_id, "instanceId"));
        if (!node.spec.taints.empty())
                config["registerWithTaints"] = register_with_taints(node);
        apply_gates(config, node.versions.kubelet);
        return config;
}

} // namespace

unsigned reserved_millicpus(unsigned total)
{
        struct Range {
                unsigned end;       // milliCPU
                unsigned per_10000; // of what lies in the range
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

StepPlan plan_kubelet_config(const NodeInputs& node)
{
        StepPlan plan{.notes = kubelet_version_notes(node.versions.kubelet)};
        auto config = generated_config(node, plan.notes);
        Json user{{"kind", kind}, {"apiVersion", api_version}};
        deep_merge(user, node.spec.kubelet_config);

        File drop_in{.path = fmt::format("{}/40-nodeadm.conf", kubelet_config_directory), .content = {}};
        if (node.spec.kubelet_config_replaces) {
                std::vector<std::string> dropped;
                for (const auto& [key, value] : config.items())
                        if (!user.contains(key))
                                dropped.push_back(key);
                if (!dropped.empty())
                        plan.notes.push_back(
                                {Level::warning, fmt::format("kubelet.configMode is replace: without {}, "
                                                             "which eksnode would have set, "
                                                             "proceeding",
                                                         join(dropped, ", "))});
                config = Json::object();
                config.merge_patch(user); // null removes
                drop_in.kind = File::Kind::absent;
        } else if (has_kubelet_drop_in(node)) {
                drop_in.content = user.dump(4) + "\n";
        } else { // as kubelet would merge a drop-in: null removes
                config.merge_patch(node.spec.kubelet_config);
                drop_in.kind = File::Kind::absent;
        }
        plan.files.push_back({.path = std::string(kubelet_config_path), .content = config.dump(4) + "\n"});
        plan.files.push_back(std::move(drop_in));
        plan.files.push_back({.path = "/etc/kubernetes/kubelet/kubelet-config.json",
                .content = "config.json",
                .kind = File::Kind::link}); // the name that AL2 images have
        return plan;
}

} // namespace eks
