// SPDX-License-Identifier: Apache-2.0
#include "node/kubelet_gates.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "node/version_notes.hpp"

namespace eks {

namespace {

using enum GatePlace;

constexpr Version any{};

constexpr std::array gates{
        // The built-in cloud provider names the node and its provider id itself. It was removed in 1.27; EKS
        // clusters have had the external one since 1.26.
        KubeletGate{flag, "cloud-provider", "aws", any, {1, 26, 0}},
        KubeletGate{flag, "cloud-provider", "external", {1, 26, 0}},
        KubeletGate{flag, "hostname-override", "", {1, 26, 0}},
        KubeletGate{config, "/providerID", "", {1, 26, 0}},

        // Before 1.24 the default was Docker; 1.27 removed the flag and moved the other into the file.
        KubeletGate{flag, "container-runtime", "remote", any, {1, 27, 0}},
        KubeletGate{flag, "container-runtime-endpoint", "unix:///run/containerd/containerd.sock", any,
                {1, 27, 0}},
        KubeletGate{config, "/containerRuntimeEndpoint", "", {1, 27, 0}},
        KubeletGate{flag, "image-service-endpoint", "", any, {1, 27, 0}},
        KubeletGate{flag, "pod-infra-container-image", "", any, {1, 35, 0}},
        KubeletGate{config, "/imageServiceEndpoint", "", {1, 27, 0}},

        // The EKS images' own, until kubelet's default became 50 and 100 (kubernetes #116121).
        KubeletGate{config, "/kubeAPIQPS", "10", any, {1, 27, 0}},
        KubeletGate{config, "/kubeAPIBurst", "20", any, {1, 27, 0}},

        // Off by default before 1.24, gone in 1.28. The provider spoke v1alpha1 alone until its release
        // 1.27.1 (cloud-provider-aws #596), which speaks v1 alone; the same release knows ECR Public.
        KubeletGate{config, "/featureGates/KubeletCredentialProviders", "true", any, {1, 28, 0}},
        KubeletGate{provider, "/apiVersion", "\"kubelet.config.k8s.io/v1alpha1\"", any, {1, 27, 0}},
        KubeletGate{provider, "/providers/0/apiVersion", "\"credentialprovider.kubelet.k8s.io/v1alpha1\"",
                any, {1, 27, 0}},
        KubeletGate{registry, "public.ecr.aws", "", {1, 27, 0}},
        KubeletGate{registry, "ecr-public.aws.com", "", {1, 32, 0}},

        // Drop-ins: alpha in 1.28 with the variable, beta in 1.30.
        KubeletGate{flag, "config-dir", "", {1, 28, 0}},
        KubeletGate{variable, "KUBELET_CONFIG_DROPIN_DIR_ALPHA", "on", {1, 28, 0}, {1, 30, 0}},

        // Two addresses beside an external cloud provider: its feature CloudDualStackNodeIPs, on since 1.29.
        KubeletGate{addresses, "node-ip", "2", {1, 29, 0}},

        // nodeadm's. Each feature gate ends at the version where it is on by default: kubelet warns of a
        // gate that is GA, and does not start with one that it has dropped.
        KubeletGate{config, "/featureGates/DynamicResourceAllocation", "true", {1, 33, 0}, {1, 34, 0}},
        KubeletGate{config, "/featureGates/MutableCSINodeAllocatableCount", "true", {1, 34, 0}, {1, 35, 0}},
        KubeletGate{config, "/shutdownGracePeriod", "\"2m30s\"", {1, 34, 0}},
        KubeletGate{config, "/shutdownGracePeriodCriticalPods", "\"30s\"", {1, 34, 0}},
        KubeletGate{label, "nvidia.com/gpu.present", "true", {1, 35, 0}},
};

} // namespace

std::span<const KubeletGate> kubelet_gates()
{
        return gates;
}

bool kubelet_takes(GatePlace place, std::string_view name, const Version& kubelet)
{
        return std::ranges::any_of(gates, [&](const KubeletGate& gate) {
                return gate.place == place && gate.name == name && gate.holds(kubelet);
        });
}

Version kubelet_takes_since(GatePlace place, std::string_view name)
{
        Version first{~0U, 0, 0};
        for (const auto& gate : gates)
                if (gate.place == place && gate.name == name)
                        first = std::min(first, gate.since);
        return first;
}

bool has_kubelet_drop_in(const NodeInputs& node)
{
        return !node.spec.kubelet.config.empty() && !node.spec.kubelet.config_replaces &&
               kubelet_takes(flag, "config-dir", node.versions.kubelet);
}

std::vector<Note> kubelet_version_notes(const Version& kubelet)
{
        const auto nearest =
                std::clamp(Version{kubelet.major, kubelet.minor, 0}, oldest_kubelet, newest_kubelet);
        if (nearest.major == kubelet.major && nearest.minor == kubelet.minor)
                return {};
        if (nearest < kubelet)
                return {newer_version_note("kubelet", kubelet, newest_kubelet)};

        return {{Level::warning,
                fmt::format("kubelet {} is not one of {}.{} to {}.{}: the rules of {}.{} "
                            "are used, proceeding",
                        kubelet.text(), oldest_kubelet.major, oldest_kubelet.minor, newest_kubelet.major,
                        newest_kubelet.minor, nearest.major, nearest.minor)}};
}

} // namespace eks
