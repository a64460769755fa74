// SPDX-License-Identifier: Apache-2.0
#include "node/locked_gates.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/kubelet_flags.hpp"
#include "document/reader.hpp"

namespace eks {

namespace {

// From pkg/features of Kubernetes 1.32 and 1.36, and from the release notes of 1.37, sorted by name.
constexpr std::array locked_gates_of_kubelet{
        LockedGate{"APIListChunking", 29},
        LockedGate{"APIServerTracing", 34},
        LockedGate{"AdmissionWebhookMatchConditions", 30},
        LockedGate{"AggregatedDiscoveryEndpoint", 30},
        LockedGate{"AggregatedDiscoveryRemoveBetaType", 35},
        LockedGate{"AllowOverwriteTerminationGracePeriodSeconds", 35, false},
        LockedGate{"AllowServiceLBStatusOnNonLB", 32, false},
        LockedGate{"AnonymousAuthConfigurableEndpoints", 34},
        LockedGate{"AnyVolumeDataSource", 33},
        LockedGate{"AppArmor", 31},
        LockedGate{"AppArmorFields", 31},
        LockedGate{"AuthorizeNodeWithSelectors", 34},
        LockedGate{"AuthorizeWithSelectors", 34},
        LockedGate{"BtreeWatchCache", 33},
        LockedGate{"CPUManager", 26},
        LockedGate{"CPUManagerPolicyOptions", 33},
        LockedGate{"CRDValidationRatcheting", 33},
        LockedGate{"CSIServiceAccountTokenSecrets", 36},
        LockedGate{"ConsistentListFromCache", 34},
        LockedGate{"CronJobsScheduledAnnotation", 32},
        LockedGate{"CustomResourceFieldSelectors", 32},
        LockedGate{"DRAAdminAccess", 36},
        LockedGate{"DRAExtendedResource", 37},
        LockedGate{"DRAPrioritizedList", 37},
        LockedGate{"DRAResourceClaimDeviceStatus", 37},
        LockedGate{"DeclarativeValidation", 36},
        LockedGate{"DeclarativeValidationTakeover", 37, false},
        LockedGate{"DevicePluginCDIDevices", 31},
        LockedGate{"DisableAllocatorDualWrite", 35},
        LockedGate{"DisableCPUQuotaWithExclusiveCPUs", 37},
        LockedGate{"DisableCloudProviders", 31},
        LockedGate{"DisableKubeletCloudCredentialProviders", 31},
        LockedGate{"DisableNodeKubeProxyVersion", 36},
        LockedGate{"DynamicResourceAllocation", 35},
        LockedGate{"EfficientWatchResumption", 24},
        LockedGate{"ElasticIndexedJob", 31},
        LockedGate{"ExecProbeTimeout", 35},
        LockedGate{"ExternalServiceAccountTokenSigner", 36},
        LockedGate{"GitRepoVolumeDriver", 36, false},
        LockedGate{"HPAConfigurableTolerance", 37},
        LockedGate{"ImageMaximumGCAge", 35},
        LockedGate{"ImageVolume", 36},
        LockedGate{"InPlacePodVerticalScaling", 35},
        LockedGate{"JobBackoffLimitPerIndex", 33},
        LockedGate{"JobManagedBy", 35},
        LockedGate{"JobPodFailurePolicy", 31},
        LockedGate{"JobPodReplacementPolicy", 34},
        LockedGate{"JobSuccessPolicy", 33},
        LockedGate{"KubeProxyDrainingTerminatingNodes", 31},
        LockedGate{"KubeletCgroupDriverFromCRI", 34},
        LockedGate{"KubeletFineGrainedAuthz", 36},
        LockedGate{"KubeletPSI", 36},
        LockedGate{"KubeletPodResourcesDynamicResources", 36},
        LockedGate{"KubeletPodResourcesGet", 36},
        LockedGate{"KubeletTracing", 34},
        LockedGate{"LoadBalancerIPMode", 32},
        LockedGate{"LogarithmicScaleDown", 31},
        LockedGate{"MatchLabelKeysInPodAffinity", 33},
        LockedGate{"MemoryManager", 32},
        LockedGate{"MultiCIDRServiceAllocator", 34},
        LockedGate{"MutableCSINodeAllocatableCount", 36},
        LockedGate{"NFTablesProxyMode", 33},
        LockedGate{"NodeDeclaredFeatures", 37},
        LockedGate{"NodeInclusionPolicyInPodTopologySpread", 33},
        LockedGate{"NodeLogQuery", 36},
        LockedGate{"NodeSwap", 34},
        LockedGate{"OrderedNamespaceDeletion", 34},
        LockedGate{"PDBUnhealthyPodEvictionPolicy", 31},
        LockedGate{"PersistentVolumeLastPhaseTransitionTime", 31},
        LockedGate{"PodDisruptionConditions", 31},
        LockedGate{"PodIndexLabel", 32},
        LockedGate{"PodLifecycleSleepAction", 34},
        LockedGate{"PodLifecycleSleepActionAllowZero", 34},
        LockedGate{"PodObservedGenerationTracking", 35},
        LockedGate{"PodSchedulingReadiness", 30},
        LockedGate{"PreferSameTrafficDistribution", 35},
        LockedGate{"ProcMountType", 36},
        LockedGate{"RecoverVolumeExpansionFailure", 34},
        LockedGate{"RecursiveReadOnlyMounts", 33},
        LockedGate{"RelaxedDNSSearchValidation", 34},
        LockedGate{"RelaxedEnvironmentVariableValidation", 34},
        LockedGate{"RemainingItemCount", 29},
        LockedGate{"ResilientWatchCacheInitialization", 34},
        LockedGate{"RetryGenerateName", 32},
        LockedGate{"SELinuxChangePolicy", 36},
        LockedGate{"SELinuxMountReadWriteOncePod", 36},
        LockedGate{"SchedulerQueueingHints", 34},
        LockedGate{"SeparateCacheWatchRPC", 36, false},
        LockedGate{"SeparateTaintEvictionController", 34},
        LockedGate{"ServiceAccountTokenJTI", 32},
        LockedGate{"ServiceAccountTokenNodeBinding", 33},
        LockedGate{"ServiceAccountTokenNodeBindingValidation", 32},
        LockedGate{"ServiceAccountTokenPodNodeInfo", 32},
        LockedGate{"SidecarContainers", 33},
        LockedGate{"SizeMemoryBackedVolumes", 32},
        LockedGate{"StatefulSetAutoDeletePVC", 32},
        LockedGate{"StatefulSetStartOrdinal", 31},
        LockedGate{"StreamingCollectionEncodingToJSON", 34},
        LockedGate{"StreamingCollectionEncodingToProtobuf", 34},
        LockedGate{"StrictCostEnforcementForVAP", 32},
        LockedGate{"StrictCostEnforcementForWebhooks", 32},
        LockedGate{"StructuredAuthenticationConfiguration", 34},
        LockedGate{"StructuredAuthorizationConfiguration", 32},
        LockedGate{"SupplementalGroupsPolicy", 35},
        LockedGate{"SystemdWatchdog", 35},
        LockedGate{"TopologyManagerPolicyOptions", 33},
        LockedGate{"UserNamespacesSupport", 36},
        LockedGate{"VolumeAttributesClass", 36},
        LockedGate{"WatchBookmark", 17},
        LockedGate{"WatchCacheInitializationPostStartHook", 37},
        LockedGate{"WinDSR", 34},
        LockedGate{"WinOverlay", 34},
};

// From the same sources, sorted by name. A test compares it with what the stand-in kubelet knows.
constexpr std::array removed_gates_of_kubelet{
        RemovedGate{"APIPriorityAndFairness", 31},
        RemovedGate{"APISelfSubjectReview", 30},
        RemovedGate{"AnyVolumeDataSource", 37},
        RemovedGate{"AppArmor", 33},
        RemovedGate{"AppArmorFields", 33},
        RemovedGate{"BoundServiceAccountTokenVolume", 24},
        RemovedGate{"CPUManager", 34},
        RemovedGate{"CSIInlineVolume", 27},
        RemovedGate{"CSIMigration", 27},
        RemovedGate{"CSIMigrationAWS", 27},
        RemovedGate{"CSIMigrationAzureDisk", 27},
        RemovedGate{"CSIMigrationAzureFile", 30},
        RemovedGate{"CSIMigrationGCE", 28},
        RemovedGate{"CSIMigrationOpenStack", 26},
        RemovedGate{"CSIMigrationRBD", 31},
        RemovedGate{"CSIMigrationvSphere", 29},
        RemovedGate{"CSINodeExpandSecret", 31},
        RemovedGate{"CSIServiceAccountToken", 25},
        RemovedGate{"CSIStorageCapacity", 28},
        RemovedGate{"CSIVolumeFSGroupPolicy", 26},
        RemovedGate{"CSRDuration", 26},
        RemovedGate{"CloudDualStackNodeIPs", 32},
        RemovedGate{"ConfigurableFSGroupPolicy", 26},
        RemovedGate{"ConsistentHTTPGetHandlers", 31},
        RemovedGate{"ControllerManagerLeaderMigration", 27},
        RemovedGate{"CronJobTimeZone", 29},
        RemovedGate{"DaemonSetUpdateSurge", 27},
        RemovedGate{"DefaultPodTopologySpread", 26},
        RemovedGate{"DelegateFSGroupToCSIDriver", 28},
        RemovedGate{"DevicePlugins", 28},
        RemovedGate{"DisableAcceleratorUsageMetrics", 28},
        RemovedGate{"DisableCloudProviders", 33},
        RemovedGate{"DisableKubeletCloudCredentialProviders", 33},
        RemovedGate{"DownwardAPIHugePages", 29},
        RemovedGate{"DynamicKubeletConfig", 26},
        RemovedGate{"EfficientWatchResumption", 33},
        RemovedGate{"EphemeralContainers", 27},
        RemovedGate{"ExpandCSIVolumes", 27},
        RemovedGate{"ExpandInUsePersistentVolumes", 27},
        RemovedGate{"ExpandPersistentVolumes", 27},
        RemovedGate{"ExpandedDNSConfig", 30},
        RemovedGate{"ExperimentalHostUserNamespaceDefaulting", 30},
        RemovedGate{"GRPCContainerProbe", 29},
        RemovedGate{"GenericEphemeralVolume", 25},
        RemovedGate{"HPAContainerMetrics", 32},
        RemovedGate{"HugePageStorageMediumSize", 25},
        RemovedGate{"IPTablesOwnershipCleanup", 30},
        RemovedGate{"IPv6DualStack", 25},
        RemovedGate{"IdentifyPodOS", 27},
        RemovedGate{"ImmutableEphemeralVolumes", 25},
        RemovedGate{"InPlacePodVerticalScalingAllocatedStatus", 36},
        RemovedGate{"InTreePluginAWSUnregister", 31},
        RemovedGate{"IndexedJob", 26},
        RemovedGate{"JobPodFailurePolicy", 34},
        RemovedGate{"JobTrackingWithFinalizers", 28},
        RemovedGate{"KMSv2", 32},
        RemovedGate{"KMSv2KDF", 32},
        RemovedGate{"KubeletCredentialProviders", 28},
        RemovedGate{"KubeletPodResources", 30},
        RemovedGate{"KubeletPodResourcesGetAllocatable", 30},
        RemovedGate{"LegacyServiceAccountTokenCleanUp", 32},
        RemovedGate{"LegacySidecarContainers", 34},
        RemovedGate{"LocalStorageCapacityIsolation", 27},
        RemovedGate{"MinDomainsInPodTopologySpread", 32},
        RemovedGate{"MinimizeIPTablesRestore", 30},
        RemovedGate{"MixedProtocolLBService", 28},
        RemovedGate{"NetworkPolicyEndPort", 27},
        RemovedGate{"NewVolumeManagerReconstruction", 32},
        RemovedGate{"NodeOutOfServiceVolumeDetach", 32},
        RemovedGate{"NonPreemptingPriority", 26},
        RemovedGate{"OpenAPIV3", 29},
        RemovedGate{"PersistentVolumeLastPhaseTransitionTime", 33},
        RemovedGate{"PodAffinityNamespaceSelector", 26},
        RemovedGate{"PodDisruptionBudget", 26},
        RemovedGate{"PodDisruptionConditions", 34},
        RemovedGate{"PodHasNetworkCondition", 28},
        RemovedGate{"PodHostIPs", 32},
        RemovedGate{"PodOverhead", 26},
        RemovedGate{"PodSecurity", 28},
        RemovedGate{"PreferNominatedNode", 26},
        RemovedGate{"ProbeTerminationGracePeriod", 29},
        RemovedGate{"ProxyTerminatingEndpoints", 30},
        RemovedGate{"ReadWriteOncePod", 31},
        RemovedGate{"RemainingItemCount", 32},
        RemovedGate{"RetroactiveDefaultStorageClass", 29},
        RemovedGate{"RuntimeClass", 25},
        RemovedGate{"SeccompDefault", 29},
        RemovedGate{"SecurityContextDeny", 30},
        RemovedGate{"ServerSideApply", 32},
        RemovedGate{"ServerSideFieldValidation", 32},
        RemovedGate{"ServiceInternalTrafficPolicy", 28},
        RemovedGate{"StableLoadBalancerNodeSet", 32},
        RemovedGate{"StatefulSetMinReadySeconds", 27},
        RemovedGate{"SuspendJob", 26},
        RemovedGate{"TTLAfterFinished", 25},
        RemovedGate{"TopologyManager", 29},
        RemovedGate{"UserNamespacesPodSecurityStandards", 35},
        RemovedGate{"UserNamespacesStatelessPodsSupport", 28},
        RemovedGate{"ValidatingAdmissionPolicy", 32},
        RemovedGate{"VolumeCapacityPriority", 33},
        RemovedGate{"WatchBookmark", 33},
        RemovedGate{"WindowsHostProcessContainers", 28},
};

// The kubelets that have been started with each gate of the table set against its lock. Other versions
// follow from Kubernetes' history of the gates, which was wrong by one release once.
constexpr std::array tried{32U, 36U};

// The last setting of a gate in kubelet's configuration, with its place. A flag overrides the file.
struct Setting {
        std::string place;
        bool on;
};

std::map<std::string, Setting> user_gates(const NodeSpec& spec)
{
        std::map<std::string, Setting> found;
        const auto at = [&](const std::string& key) {
                const auto place = nearest_place(spec.kubelet.places, key, {});
                return place.source.empty() ? std::string() : place.text() + ": ";
        };

        const auto map = spec.kubelet.config.find("featureGates");
        if (map != spec.kubelet.config.end() && map->is_object())
                for (const auto& [name, value] : map->items())
                        if (value.is_boolean()) {
                                const auto key = key_path("kubelet.config.featureGates", name);
                                found[name] = {at(key) + key, value.get<bool>()};
                        }

        for (const auto& flag : spec.kubelet.flags.parsed)
                if (flag.name == "feature-gates" && flag.value)
                        for (const auto item : split(*flag.value, ',')) {
                                const auto equals = item.find('=');
                                const auto name = std::string(trim(item.substr(0, equals)));
                                const auto value = equals == item.npos ? "" : trim(item.substr(equals + 1));
                                if (const auto on = go_boolean(value))
                                        found[name] = {
                                                fmt::format("{}kubelet.flags: --feature-gates={}",
                                                        at(fmt::format("kubelet.flags[{}]", flag.index)),
                                                        name),
                                                *on};
                        }

        return found;
}

} // namespace

std::span<const LockedGate> locked_gates()
{
        return locked_gates_of_kubelet;
}

std::span<const RemovedGate> removed_gates()
{
        return removed_gates_of_kubelet;
}

std::vector<GateConflict> gate_conflicts(const NodeSpec& spec, const std::optional<Version>& kubelet)
{
        std::vector<GateConflict> conflicts;
        for (const auto& [name, setting] : user_gates(spec)) {
                const auto removed =
                        std::ranges::lower_bound(removed_gates_of_kubelet, name, {}, &RemovedGate::name);
                if (removed != removed_gates_of_kubelet.end() && removed->name == name &&
                        (!kubelet || *kubelet >= Version{1, removed->minor, 0})) {
                        const auto which =
                                kubelet ? kubelet->text() : fmt::format("1.{} and later", removed->minor);
                        conflicts.push_back(
                                {fmt::format(
                                         "{} = {}: kubelet {} does not start with it: the gate was removed "
                                         "in 1.{}",
                                         setting.place, setting.on, which, removed->minor),
                                        kubelet.has_value()});
                        continue;
                }

                const auto gate =
                        std::ranges::lower_bound(locked_gates_of_kubelet, name, {}, &LockedGate::name);
                if (gate == locked_gates_of_kubelet.end() || gate->name != name ||
                        gate->value == setting.on || (kubelet && *kubelet < Version{1, gate->minor, 0}))
                        continue;

                const bool certain = kubelet && std::ranges::any_of(tried, [&](unsigned minor) {
                        return minor >= gate->minor && *kubelet >= Version{1, minor, 0};
                });

                const auto which = kubelet ? kubelet->text() : fmt::format("1.{} and later", gate->minor);
                conflicts.push_back(
                        {fmt::format("{} = {}: kubelet {} does not start with it: the gate is locked to "
                                     "{}",
                                 setting.place, setting.on, which, gate->value),
                                certain});
        }

        return conflicts;
}

} // namespace eks
