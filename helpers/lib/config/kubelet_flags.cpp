// SPDX-License-Identifier: Apache-2.0
#include "config/kubelet_flags.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace eks {

namespace {

// Kubernetes up to 1.36, cmd/kubelet/app/options/options.go: AddKubeletConfigFlags() with component-base's
// logging flags, and --seccomp-default. A test compares it with the table of the stand-in kubelet.
constexpr std::array keys{
        KubeletFlagKey{"address", "address"},
        KubeletFlagKey{"allowed-unsafe-sysctls", "allowedUnsafeSysctls"},
        KubeletFlagKey{"anonymous-auth", "authentication.anonymous.enabled", true},
        KubeletFlagKey{"authentication-token-webhook", "authentication.webhook.enabled", true},
        KubeletFlagKey{"authentication-token-webhook-cache-ttl", "authentication.webhook.cacheTTL"},
        KubeletFlagKey{"authorization-mode", "authorization.mode"},
        KubeletFlagKey{
                "authorization-webhook-cache-authorized-ttl", "authorization.webhook.cacheAuthorizedTTL"},
        KubeletFlagKey{"authorization-webhook-cache-unauthorized-ttl",
                "authorization.webhook.cacheUnauthorizedTTL"},
        KubeletFlagKey{"cgroup-driver", "cgroupDriver"},
        KubeletFlagKey{"cgroup-root", "cgroupRoot"},
        KubeletFlagKey{"cgroups-per-qos", "cgroupsPerQOS", true},
        KubeletFlagKey{"client-ca-file", "authentication.x509.clientCAFile"},
        KubeletFlagKey{"cluster-dns", "clusterDNS"},
        KubeletFlagKey{"cluster-domain", "clusterDomain"},
        KubeletFlagKey{"container-log-max-files", "containerLogMaxFiles"},
        KubeletFlagKey{"container-log-max-size", "containerLogMaxSize"},
        KubeletFlagKey{"container-runtime-endpoint", "containerRuntimeEndpoint"},
        KubeletFlagKey{"contention-profiling", "enableContentionProfiling", true},
        KubeletFlagKey{"cpu-cfs-quota", "cpuCFSQuota", true},
        KubeletFlagKey{"cpu-cfs-quota-period", "cpuCFSQuotaPeriod"},
        KubeletFlagKey{"cpu-manager-policy", "cpuManagerPolicy"},
        KubeletFlagKey{"cpu-manager-policy-options", "cpuManagerPolicyOptions"},
        KubeletFlagKey{"cpu-manager-reconcile-period", "cpuManagerReconcilePeriod"},
        KubeletFlagKey{"enable-controller-attach-detach", "enableControllerAttachDetach", true},
        KubeletFlagKey{"enable-debugging-handlers", "enableDebuggingHandlers", true},
        KubeletFlagKey{"enable-server", "enableServer", true},
        KubeletFlagKey{"enforce-node-allocatable", "enforceNodeAllocatable"},
        KubeletFlagKey{"event-burst", "eventBurst"},
        KubeletFlagKey{"event-qps", "eventRecordQPS"},
        KubeletFlagKey{"eviction-hard", "evictionHard"},
        KubeletFlagKey{"eviction-max-pod-grace-period", "evictionMaxPodGracePeriod"},
        KubeletFlagKey{"eviction-minimum-reclaim", "evictionMinimumReclaim"},
        KubeletFlagKey{"eviction-pressure-transition-period", "evictionPressureTransitionPeriod"},
        KubeletFlagKey{"eviction-soft", "evictionSoft"},
        KubeletFlagKey{"eviction-soft-grace-period", "evictionSoftGracePeriod"},
        KubeletFlagKey{"fail-cgroupv1", "failCgroupV1", true},
        KubeletFlagKey{"fail-swap-on", "failSwapOn", true},
        KubeletFlagKey{"feature-gates", "featureGates"},
        KubeletFlagKey{"file-check-frequency", "fileCheckFrequency"},
        KubeletFlagKey{"hairpin-mode", "hairpinMode"},
        KubeletFlagKey{"healthz-bind-address", "healthzBindAddress"},
        KubeletFlagKey{"healthz-port", "healthzPort"},
        KubeletFlagKey{"http-check-frequency", "httpCheckFrequency"},
        KubeletFlagKey{"image-gc-high-threshold", "imageGCHighThresholdPercent"},
        KubeletFlagKey{"image-gc-low-threshold", "imageGCLowThresholdPercent"},
        KubeletFlagKey{"image-service-endpoint", "imageServiceEndpoint"},
        KubeletFlagKey{"iptables-drop-bit", "iptablesDropBit"},
        KubeletFlagKey{"iptables-masquerade-bit", "iptablesMasqueradeBit"},
        KubeletFlagKey{"kernel-memcg-notification", "kernelMemcgNotification", true},
        KubeletFlagKey{"kube-api-burst", "kubeAPIBurst"},
        KubeletFlagKey{"kube-api-content-type", "contentType"},
        KubeletFlagKey{"kube-api-qps", "kubeAPIQPS"},
        KubeletFlagKey{"kube-reserved", "kubeReserved"},
        KubeletFlagKey{"kube-reserved-cgroup", "kubeReservedCgroup"},
        KubeletFlagKey{"kubelet-cgroups", "kubeletCgroups"},
        KubeletFlagKey{"local-storage-capacity-isolation", "localStorageCapacityIsolation", true},
        KubeletFlagKey{"log-flush-frequency", "logging.flushFrequency"},
        KubeletFlagKey{"log-json-info-buffer-size", "logging.options.json.infoBufferSize"},
        KubeletFlagKey{"log-json-split-stream", "logging.options.json.splitStream", true},
        KubeletFlagKey{"log-text-info-buffer-size", "logging.options.text.infoBufferSize"},
        KubeletFlagKey{"log-text-split-stream", "logging.options.text.splitStream", true},
        KubeletFlagKey{"logging-format", "logging.format"},
        KubeletFlagKey{"make-iptables-util-chains", "makeIPTablesUtilChains", true},
        KubeletFlagKey{"manifest-url", "staticPodURL"},
        KubeletFlagKey{"manifest-url-header", "staticPodURLHeader"},
        KubeletFlagKey{"max-open-files", "maxOpenFiles"},
        KubeletFlagKey{"max-pods", "maxPods"},
        KubeletFlagKey{"memory-manager-policy", "memoryManagerPolicy"},
        KubeletFlagKey{"minimum-image-ttl-duration", "imageMinimumGCAge"},
        KubeletFlagKey{"node-status-max-images", "nodeStatusMaxImages"},
        KubeletFlagKey{"node-status-update-frequency", "nodeStatusUpdateFrequency"},
        KubeletFlagKey{"oom-score-adj", "oomScoreAdj"},
        KubeletFlagKey{"pod-cidr", "podCIDR"},
        KubeletFlagKey{"pod-manifest-path", "staticPodPath"},
        KubeletFlagKey{"pod-max-pids", "podPidsLimit"},
        KubeletFlagKey{"pods-per-core", "podsPerCore"},
        KubeletFlagKey{"port", "port"},
        KubeletFlagKey{"protect-kernel-defaults", "protectKernelDefaults", true},
        KubeletFlagKey{"provider-id", "providerID"},
        KubeletFlagKey{"qos-reserved", "qosReserved"},
        KubeletFlagKey{"read-only-port", "readOnlyPort"},
        KubeletFlagKey{"register-node", "registerNode", true},
        KubeletFlagKey{"register-with-taints", "registerWithTaints"},
        KubeletFlagKey{"registry-burst", "registryBurst"},
        KubeletFlagKey{"registry-qps", "registryPullQPS"},
        KubeletFlagKey{"reserved-cpus", "reservedSystemCPUs"},
        KubeletFlagKey{"reserved-memory", "reservedMemory"},
        KubeletFlagKey{"resolv-conf", "resolvConf"},
        KubeletFlagKey{"rotate-certificates", "rotateCertificates", true},
        KubeletFlagKey{"rotate-server-certificates", "serverTLSBootstrap", true},
        KubeletFlagKey{"runonce", "runOnce", true},
        KubeletFlagKey{"runtime-request-timeout", "runtimeRequestTimeout"},
        KubeletFlagKey{"seccomp-default", "seccompDefault", true},
        KubeletFlagKey{"serialize-image-pulls", "serializeImagePulls", true},
        KubeletFlagKey{"streaming-connection-idle-timeout", "streamingConnectionIdleTimeout"},
        KubeletFlagKey{"sync-frequency", "syncFrequency"},
        KubeletFlagKey{"system-cgroups", "systemCgroups"},
        KubeletFlagKey{"system-reserved", "systemReserved"},
        KubeletFlagKey{"system-reserved-cgroup", "systemReservedCgroup"},
        KubeletFlagKey{"tls-cert-file", "tlsCertFile"},
        KubeletFlagKey{"tls-cipher-suites", "tlsCipherSuites"},
        KubeletFlagKey{"tls-min-version", "tlsMinVersion"},
        KubeletFlagKey{"tls-private-key-file", "tlsPrivateKeyFile"},
        KubeletFlagKey{"topology-manager-policy", "topologyManagerPolicy"},
        KubeletFlagKey{"topology-manager-policy-options", "topologyManagerPolicyOptions"},
        KubeletFlagKey{"topology-manager-scope", "topologyManagerScope"},
        KubeletFlagKey{"v", "logging.verbosity"},
        KubeletFlagKey{"vmodule", "logging.vmodule"},
        KubeletFlagKey{"volume-plugin-dir", "volumePluginDir"},
        KubeletFlagKey{"volume-stats-agg-period", "volumeStatsAggPeriod"},
};

// Flags without a key, sorted.
constexpr std::array<std::string_view, 9> other_switches{"exit-on-lock-contention",
        "experimental-allocatable-ignore-eviction", "help", "keep-terminated-pod-volumes",
        "log-cadvisor-usage", "logtostderr", "register-schedulable", "storage-driver-secure", "version"};
constexpr std::array<std::string_view, 17> other_valued{"bootstrap-kubeconfig", "cert-dir", "cloud-provider",
        "config", "config-dir", "hostname-override", "image-credential-provider-bin-dir",
        "image-credential-provider-config", "kubeconfig", "lock-file", "maximum-dead-containers",
        "maximum-dead-containers-per-container", "minimum-container-ttl-duration", "node-ip", "node-labels",
        "root-dir", "runtime-cgroups"};

// Lists and maps: each use adds to the ones before. --register-with-taints is not among them.
constexpr std::array<std::string_view, 18> adding{"allowed-unsafe-sysctls", "cluster-dns",
        "cpu-manager-policy-options", "enforce-node-allocatable", "eviction-hard",
        "eviction-minimum-reclaim", "eviction-soft", "eviction-soft-grace-period", "feature-gates",
        "kube-reserved", "manifest-url-header", "node-labels", "qos-reserved", "reserved-memory",
        "system-reserved", "tls-cipher-suites", "topology-manager-policy-options", "vmodule"};

std::string flag_name(std::string_view written)
{
        std::string name(written);
        std::ranges::replace(name, '_', '-'); // kubelet's own habit
        return name;
}

// A flag in one argument, and whether its value is the next argument.
struct Spelling {
        KubeletFlag flag;
        bool open = false;
};

Spelling spelling(const std::string& argument, std::size_t index)
{
        const std::string_view text = argument;
        if (text.starts_with("-v") ||
                text.starts_with("-h")) { // the only two with one dash: "-v4", "-v=4", "-v 4"
                auto value = text.substr(2);
                if (value.starts_with('='))
                        value.remove_prefix(1);
                if (text[1] == 'v' && value.empty())
                        return {{"v", {}, index}, true};
                if (text[1] == 'v' && parse_int<unsigned>(value))
                        return {{"v", std::string(value), index}};
                if (text == "-h")
                        return {{"help", {}, index}};
        }

        const bool dashes = text.starts_with("--") && text.size() > 2 && text[2] != '-' && text[2] != '=';
        if (!dashes)
                return {{"", argument, index}};

        const auto equals = text.find('=');
        auto name = flag_name(
                text.substr(2, equals == std::string_view::npos ? std::string_view::npos : equals - 2));
        if (equals != std::string_view::npos)
                return {{std::move(name), std::string(text.substr(equals + 1)), index}};

        const bool open = !is_kubelet_switch(name).value_or(false);
        return {{std::move(name), {}, index}, open};
}

} // namespace

KubeletFlags parse_kubelet_flags(std::vector<std::string> arguments)
{
        std::vector<KubeletFlag> flags;
        for (std::size_t i = 0; i < arguments.size(); ++i) {
                auto [flag, open] = spelling(arguments[i], i);
                const auto next = i + 1;

                // Of a flag that we do not know, only a word without dashes can be the value.
                if (open && next < arguments.size() &&
                        (is_kubelet_switch(flag.name).has_value() || !arguments[next].starts_with('-'))) {
                        flag.value = arguments[next];
                        i = next;
                }

                flags.push_back(std::move(flag));
        }

        return {std::move(arguments), std::move(flags)};
}

const KubeletFlag* KubeletFlags::last(std::string_view name) const
{
        const auto found = std::find_if(
                parsed.rbegin(), parsed.rend(), [&](const KubeletFlag& flag) { return flag.name == name; });
        return found != parsed.rend() ? &*found : nullptr;
}

std::span<const KubeletFlagKey> kubelet_flag_keys()
{
        return keys;
}

const KubeletFlagKey* find_kubelet_flag_key(std::string_view flag)
{
        const auto* const found = std::ranges::lower_bound(keys, flag, {}, &KubeletFlagKey::flag);
        return found != keys.end() && found->flag == flag ? found : nullptr;
}

std::optional<bool> is_kubelet_switch(std::string_view flag)
{
        if (const auto* entry = find_kubelet_flag_key(flag))
                return entry->is_switch;
        if (std::ranges::binary_search(other_switches, flag))
                return true;
        if (std::ranges::binary_search(other_valued, flag))
                return false;

        return std::nullopt;
}

std::string_view shown_word(std::string_view word)
{
        const bool is_flag = word.starts_with('-') || is_kubelet_switch(word.substr(0, word.find('=')));
        return is_flag ? word : std::string_view();
}

std::optional<bool> go_boolean(std::string_view text)
{
        constexpr std::array<std::string_view, 6> yes{"1", "T", "TRUE", "True", "t", "true"};
        constexpr std::array<std::string_view, 6> no{"0", "F", "FALSE", "False", "f", "false"};
        if (std::ranges::find(yes, text) != yes.end())
                return true;
        return std::ranges::find(no, text) != no.end() ? std::optional(false) : std::nullopt;
}

bool adds_up(std::string_view flag)
{
        return std::ranges::binary_search(adding, flag);
}

} // namespace eks
