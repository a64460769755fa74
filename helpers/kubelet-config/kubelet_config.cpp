// SPDX-License-Identifier: Apache-2.0
#include "kubelet_config.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/schema.hpp"
#include "node/cpu.hpp"
#include "node/max_pods.hpp"

namespace eks {

namespace {

constexpr const char* kind = "KubeletConfiguration";
constexpr const char* api_version = "kubelet.config.k8s.io/v1beta1";

// Settings that older kubelets do not know or must not have.
struct Gate {
        Version since;
        const char* pointer = "";
        const char* value = ""; // JSON
};

constexpr std::array gates{
        Gate{{1, 33, 0}, "/featureGates/DynamicResourceAllocation", "true"},
        Gate{{1, 34, 0}, "/featureGates/MutableCSINodeAllocatableCount", "true"},
        Gate{{1, 34, 0}, "/shutdownGracePeriod", "\"2m30s\""},
        Gate{{1, 34, 0}, "/shutdownGracePeriodCriticalPods", "\"30s\""},
};

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
        for (const auto& gate : gates)
                if (node.versions.kubelet >= gate.since)
                        config[Json::json_pointer(gate.pointer)] = Json::parse(gate.value);
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
        StepPlan plan;
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
        } else if (node.spec.kubelet_config.empty()) {
                drop_in.kind = File::Kind::absent;
        } else {
                drop_in.content = user.dump(4) + "\n";
        }
        plan.files.push_back({.path = std::string(kubelet_config_path), .content = config.dump(4) + "\n"});
        plan.files.push_back(std::move(drop_in));
        plan.files.push_back({.path = "/etc/kubernetes/kubelet/kubelet-config.json",
                .content = "config.json",
                .kind = File::Kind::link}); // the name that AL2 images have
        return plan;
}

} // namespace eks
