// SPDX-License-Identifier: Apache-2.0
#include "steps/kubelet-args/kubelet_args.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "node/gpu.hpp"
#include "node/hardware.hpp"
#include "node/kubelet_gates.hpp"
#include "node/registration.hpp"
#include "systemd/kubelet_arguments.hpp"
#include "systemd/systemd_words.hpp"

namespace eks {

namespace {

constexpr std::string_view pci_directory = "/sys/bus/pci/devices";
constexpr std::string_view nvidia_vendor = "0x10de";

bool has_nvidia_device(const Root& root)
{
        return std::ranges::any_of(list_directory(root(pci_directory)), [&](const std::string& device) {
                const auto vendor =
                        read_file_if_exists(root(fmt::format("{}/{}/vendor", pci_directory, device)));
                return vendor && trim(*vendor) == nvidia_vendor;
        });
}

std::string node_ip(const NodeInputs& node, std::vector<Note>& notes)
{
        const auto ipv4 = [&] { return require(node.facts.local_ipv4, "localIpv4", node.facts.source); };
        const auto ipv6 = [&] {
                return require(reachable_ipv6(node.facts.ipv6s), "interfaces[].ipv6s", node.facts.source);
        };

        switch (node.spec.cluster.ip_family) {
        case IpFamily::ipv4:
                return ipv4();
        case IpFamily::ipv6:
                return ipv6();
        case IpFamily::dual_stack:
                break;
        }

        const auto first = node.spec.cluster.ipv6_first ? ipv6() : ipv4();
        const auto second = node.spec.cluster.ipv6_first ? ipv4() : ipv6();
        if (kubelet_takes(GatePlace::addresses, "node-ip", node.versions.kubelet))
                return first + "," + second;

        notes.push_back({Level::warning,
                fmt::format("cluster.ipFamily = \"dual-stack\": kubelet {} names one address only, that of "
                            "the services' family; {} and later name two, proceeding",
                        node.versions.kubelet.text(),
                        kubelet_takes_since(GatePlace::addresses, "node-ip").text())});

        return first;
}

std::string node_name(const NodeInputs& node, std::vector<Note>& notes)
{
        if (auto name = configured_node_name(node); !name.empty())
                return name;
        if (node.spec.registration.instance_id_node_name)
                return require(node.facts.instance_id, "instanceId", node.facts.source);

        const auto host = require(node.facts.local_hostname, "localHostname", node.facts.source);
        auto name = ec2_private_name(host, require(node.facts.region, "region", node.facts.source));
        if (name != host.substr(0, host.find(' ')))
                notes.push_back({Level::notice,
                        fmt::format("the node is named {}, as EC2's private DNS has it: {} is in the domain "
                                    "of the "
                                    "VPC's DHCP options, and the cluster does not admit it by that name",
                                name, host.substr(0, host.find(' ')))});

        return name;
}

std::string checked_node_name(const NodeInputs& node, std::vector<Note>& notes)
{
        // A name that the user sets replaces ours, and has been checked.
        const bool overridden = node.spec.kubelet.flags.last("hostname-override") != nullptr;
        std::vector<Note> unneeded;

        auto name = node_name(node, overridden ? unneeded : notes);
        if (const auto wrong = wrong_node_name(name); !wrong.empty() && !overridden)
                throw Error(failure::node_name_invalid,
                        fmt::format("the node cannot be named '{}': {}", name, wrong),
                        "Name nodes after their instance id, with featureGates.InstanceIdNodeName, or "
                        "shorten the domain name in the VPC's DHCP options");

        return name;
}

// In one flag, sorted by key. The user's labels override those that were detected.
std::string node_labels(const NodeInputs& node, std::vector<Note>& notes)
{
        auto labels = configured_labels(node);
        if (node.spec.registration.hardware_labels)
                labels.merge(hardware_labels(node.root));
        if (node.spec.registration.gpu_labels)
                labels.merge(gpu_labels(node.root, nvml_library(node.root), notes));

        if (kubelet_takes(GatePlace::label, "nvidia.com/gpu.present", node.versions.kubelet) &&
                has_nvidia_device(node.root))
                labels.emplace("nvidia.com/gpu.present", "true");

        std::vector<std::string> pairs;
        for (const auto& [key, value] : labels)
                pairs.push_back(fmt::format("{}={}", key, value));

        return join(pairs, ",");
}

} // namespace

std::string environment_value(const std::vector<std::string>& arguments)
{
        std::string value;
        for (const auto& argument : arguments)
                value.append(value.empty() ? "" : " ").append(quote_for_systemd(argument));

        if (value.ends_with(' ') ||
                value.ends_with('\t')) // the file's reader cuts blanks at the end; "" adds nothing
                value += "\"\"";
        return value;
}

StepPlan plan_kubelet_args(const NodeInputs& node)
{
        StepPlan plan;
        const auto& provider = node.credential_provider;
        const auto& kubelet = node.versions.kubelet;
        std::map<std::string, std::string, std::less<>> named{
                {"config", "/etc/kubernetes/kubelet/config.json"},
                {"image-credential-provider-bin-dir", provider.substr(0, provider.rfind('/'))},
                {"image-credential-provider-config", "/etc/eks/image-credential-provider/config.json"},
                {"kubeconfig", "/var/lib/kubelet/kubeconfig"},
                {"node-ip", node_ip(node, plan.notes)},
                {"runtime-cgroups", "/runtime.slice/containerd.service"},
        };

        std::string variables;
        for (const auto& gate : kubelet_gates()) {
                if (!gate.holds(kubelet))
                        continue;
                if (gate.place == GatePlace::flag && !gate.value.empty())
                        named.emplace(gate.name, gate.value);
                if (gate.place == GatePlace::variable && has_kubelet_drop_in(node))
                        variables += fmt::format("{}={}\n", gate.name, gate.value);
        }

        if (node.decided.soci && kubelet_takes(GatePlace::flag, "image-service-endpoint", kubelet))
                named.emplace("image-service-endpoint", fmt::format("unix://{}", soci_socket));

        if (!node.decided.spared_image.empty() &&
                kubelet_takes(GatePlace::flag, "pod-infra-container-image", kubelet))
                named.emplace("pod-infra-container-image", node.decided.spared_image);

        if (node.spec.cluster
                        .outpost) // kubelet gets a certificate with it, and writes the kubeconfig itself
                named.emplace("bootstrap-kubeconfig", "/var/lib/kubelet/bootstrap-kubeconfig");

        if (has_kubelet_drop_in(node))
                named.emplace("config-dir", "/etc/kubernetes/kubelet/config.json.d");

        if (kubelet_takes(GatePlace::flag, "hostname-override", kubelet))
                named.emplace("hostname-override", checked_node_name(node, plan.notes));
        else if (node.spec.registration.instance_id_node_name || !node.spec.registration.node_name.empty())
                plan.notes.push_back({Level::warning,
                        fmt::format(
                                "{}: the cloud provider in kubelet {} names the node after its private DNS "
                                "name, ignoring",
                                node.spec.registration.node_name.empty() ? "featureGates.InstanceIdNodeName"
                                                                         : "instance.nodeName",
                                kubelet.text())});

        if (auto labels = node_labels(node, plan.notes); !labels.empty())
                named.emplace("node-labels", std::move(labels));

        plan.decisions = {fmt::format("--node-ip is {}: the addresses of the instance are '{}' and '{}'",
                                  named.at("node-ip"), node.facts.local_ipv4, join(node.facts.ipv6s, " ")),
                fmt::format("the node is named {}",
                        !node.spec.registration.node_name.empty()      ? "by instance.nodeName"
                        : node.spec.registration.instance_id_node_name ? "after its instance ID: "
                                                                         "featureGates.InstanceIdNodeName"
                                                                       : "after its private DNS name"),
                fmt::format("{} of the user's flags follow eksnode's",
                        node.spec.kubelet.flags.arguments.size())};

        std::vector<std::string> ours;
        for (const auto& [name, value] : named)
                ours.push_back(fmt::format("--{}={}", name, value));

        // The user's flags are last, because kubelet uses the last of two.
        const auto& users = node.spec.kubelet.flags.arguments;
        auto all = ours;
        all.insert(all.end(), users.begin(), users.end());
        auto text = fmt::format("KUBELET_ARGS={}\n", environment_value(ours));

        // The file overrides Environment= in a drop-in, so it stays empty if there is nothing to set.
        if (!users.empty())
                text += fmt::format("KUBELET_EXTRA_ARGS={}\n", environment_value(users));
        text += fmt::format("{}={}\n", kubelet_arguments_variable, environment_value(all));
        plan.files.push_back({.path = std::string(kubelet_environment_path), .content = text + variables});

        return plan;
}

Access kubelet_args_access()
{
        return {.reads = {"/boot", "/etc/ld.so.cache", "/etc/os-release", "/lib", "/lib64", "/proc/cpuinfo",
                        "/proc/driver/nvidia", "/proc/sys/kernel/osrelease", "/run/eks", "/sys/block",
                        "/sys/bus/pci", "/sys/class/dmi", "/sys/class/net", "/sys/devices",
                        "/sys/fs/selinux", "/sys/module/intel_idle", "/usr/lib", "/usr/lib64"},
                .writes = {"/etc/eks/kubelet", "/var/lib/eks"},
                .devices = {"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia2", "/dev/nvidia3", "/dev/nvidia4",
                        "/dev/nvidia5", "/dev/nvidia6", "/dev/nvidia7", "/dev/nvidiactl"},
                .loads_libraries = true};
}

} // namespace eks
