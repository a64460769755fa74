// SPDX-License-Identifier: Apache-2.0
// To add a key, add a row; eks-node.toml(5), both JSON Schemas, reading, merging and `eksnode explain`
// follow. The text is whole sentences without markup: what the key means, and what is refused. Not in it,
// since the other fields say so: the type and how layers merge, the choices, "TOML only", that no step acts.
// The manual page shows 'one-word', a /path and name(8) in other type. clang-format breaks the lines.
#include "config/schema_table.hpp"

#include <array>

namespace eks {

namespace {

constexpr std::array table{
        SchemaKey{"cluster.apiServerEndpoint", ValueKind::text,
                "The https URL of the cluster's API server, with an optional port and path. EKS is asked for "
                "it if it is missing; see eks-cluster.service(8)."},
        SchemaKey{"cluster.certificateAuthority", ValueKind::text,
                "The cluster's CA certificate, PEM in base64, as DescribeCluster shows it. EKS is asked for it "
                "if it is missing."},
        SchemaKey{"cluster.cidr", ValueKind::text,
                "The cluster's service CIDR, IPv4 or IPv6, such as 10.100.0.0/16. EKS is asked for it if it is "
                "missing, unless kubelet.config.clusterDNS is set."},
        SchemaKey{"cluster.enableOutpost", ValueKind::boolean,
                "Whether the cluster is a local one on an Outpost. Then cluster.id is needed, kubelet "
                "bootstraps its credentials, and /etc/hosts gets the API server's addresses; see "
                "eks-hosts.service(8)."},
        SchemaKey{"cluster.id", ValueKind::text,
                "The id of a local cluster on an Outpost: letters, digits, - and _, beginning with a letter "
                "or digit, at most 100."},
        SchemaKey{"cluster.ipFamily", ValueKind::text,
                "Which addresses the node names to the cluster: without it, those of the family of "
                "cluster.cidr, else of kubelet.config.clusterDNS. 'dual-stack' names that family first.",
                "ipv4|ipv6|dual-stack", false},
        SchemaKey{"cluster.name", ValueKind::text,
                "The name of the EKS cluster: letters, digits, - and _, beginning with a letter or digit, "
                "at most 100.",
                "", true, "", R"(^([ \t\r\n]*|[A-Za-z0-9][A-Za-z0-9_-]{0,99})$)"},
        SchemaKey{"cni.customNetworking", ValueKind::toggle,
                "The VPC CNI gives pods no address of the primary interface: one interface less counts for "
                "maxPods.",
                "", false},
        SchemaKey{"cni.maxENIs", ValueKind::count,
                "The VPC CNI uses at most so many network interfaces; counts for maxPods. 0 is no limit.",
                "", false},
        SchemaKey{"cni.prefixDelegation", ValueKind::toggle,
                "The VPC CNI assigns prefixes of 16 addresses; counts for maxPods on Nitro instances.", "",
                false},
        SchemaKey{"containerd.baseRuntimeSpec", ValueKind::free_map,
                "Merged over the base runtime spec that every container starts from. null removes a key "
                "from it."},
        SchemaKey{"containerd.config", ValueKind::toml_text,
                "Merged over containerd's configuration in the same way; one of blanks only counts as "
                "absent. See eks-containerd-config.service(8) for the two schemas."},
        SchemaKey{"containerd.defaultRuntime", ValueKind::text,
                "The runtime of pods that ask for none: one that 'eksnode runtimes' lists as available.", "",
                false},
        SchemaKey{"containerd.runtimes", ValueKind::free_map,
                "Descriptors of runtimes by name, see eks-runtime(5). Merged over the descriptor of that "
                "name that is on disk, if there is one.",
                "", false},
        SchemaKey{"containerd.snapshotter", ValueKind::text,
                "What unpacks images. 'auto', the default: soci-snapshotter, which downloads and unpacks "
                "the "
                "layers of an image side by side, where it is installed and the machine has 4 CPUs and 7 "
                "GiB "
                "of memory; else overlayfs. 'soci': soci-snapshotter on a smaller machine too. "
                "featureGates.FastImagePull 'false' turns 'auto' off. A snapshotter that containerd.config "
                "names stands. See eks-containerd-config.service(8).",
                "auto|overlayfs|soci", false},
        SchemaKey{"containerd.volume.device", ValueKind::text,
                "A disk of containerd's own, mounted at /var/lib/containerd before it starts: a path in "
                "/dev, a "
                "name of EC2's block device mapping such as sdf or /dev/xvdf, the id of an EBS volume, or "
                "'instance-store'. It is formatted if it is blank, and refused if something else is on it. "
                "See "
                "eks-containerd-volume.service(8).",
                "", false},
        SchemaKey{"containerd.volume.filesystem", ValueKind::text,
                "What a blank volume is formatted with: 'xfs', the default, or ext4. One that has either is "
                "taken as "
                "it is.",
                "xfs|ext4", false},
        SchemaKey{"containerd.volume.label", ValueKind::text,
                "Instead of containerd.volume.device: the label of a filesystem, or of a partition.", "",
                false},
        SchemaKey{"docker.defaultRuntime", ValueKind::text,
                "For a host of Docker: the runtime of containers that name none, one that 'eksnode runtimes "
                "--docker' lists, or runc. See eks-docker-runtimes.service(8).",
                "", false},
        SchemaKey{"featureGates", ValueKind::switches,
                "'InstanceIdNodeName' names the node after its instance id instead of its private DNS name. "
                "'FastImagePull' says whether soci-snapshotter may unpack images, see "
                "containerd.snapshotter. Any "
                "other name is ignored with a warning."},
        SchemaKey{"instance.environment", ValueKind::environment,
                "Environment variables of services. The service 'default' is all of them.", "", true,
                "Give containerd and kubelet their variables by drop-ins, see systemctl(1) 'edit'"},
        SchemaKey{"instance.localStorage.disabledMounts", ValueKind::list,
                "Directories that stay off the instance store. Without instance.localStorage.strategy it "
                "means nothing.",
                "Containerd|PodLogs|SOCI"},
        SchemaKey{"instance.localStorage.mountPath", ValueKind::text,
                "Where the instance store is mounted. Without instance.localStorage.strategy it means "
                "nothing."},
        SchemaKey{"instance.localStorage.strategy", ValueKind::text,
                "How the disks of the instance store are used.", "RAID0|RAID10|Mount", true,
                "Give containerd one disk of the instance store by containerd.volume.device, or remove the "
                "key "
                "(Karpenter: instanceStorePolicy)"},
        SchemaKey{"instance.network.domains", ValueKind::list, "Search domains.", "", true,
                "Give the VPC's DHCP options the domains, or /etc/systemd/resolved.conf.d/ a file"},
        SchemaKey{"instance.network.nameservers", ValueKind::list, "Addresses of name servers.", "", true,
                "Give the VPC's DHCP options the name servers, or /etc/systemd/resolved.conf.d/ a file"},
        SchemaKey{"instance.nodeName", ValueKind::text,
                "The name that the node registers under, instead of EC2's; see "
                "eks-kubelet-args.service(8). ${imds.KEY} and ${tag.KEY} stand for facts as in node.labels.",
                "", false},
        SchemaKey{"kubeconfig.auth", ValueKind::text,
                "The program that gives kubelet its token: 'eksnode', the default, is ours, see "
                "eksnode-token(1); 'aws' the AWS CLI. See eks-kubeconfig.service(8).",
                "eksnode|aws|aws-iam-authenticator", false},
        SchemaKey{"kubelet.config", ValueKind::free_map,
                "Settings of KubeletConfiguration, which win over ours; see eks-kubelet-config.service(8). "
                "null reaches kubelet's drop-in as it is; with kubelet.configMode 'replace', and for "
                "kubelet before 1.28, which has no drop-ins, it removes the key."},
        SchemaKey{"kubelet.configFile", ValueKind::text,
                "The path of a file with a KubeletConfiguration, JSON or YAML. Its settings are merged "
                "below the kubelet.config of the layer that names it, and above the layers before; every "
                "layer may name one, and each of them counts. kind and apiVersion in it are passed over. On "
                "a node it must lie below /etc/containerd/, /etc/eks/, /etc/kubernetes/, /run/eks/, "
                "/usr/lib/eks/ or /usr/share/eks/.",
                "", false},
        SchemaKey{"kubelet.configMode", ValueKind::text,
                "'merge', the default: kubelet merges your settings over ours. 'replace': your settings are "
                "all there is.",
                "merge|replace", false},
        SchemaKey{"kubelet.credentialProviderConfig", ValueKind::free_map,
                "Merged over kubelet's CredentialProviderConfig; lists are replaced, null removes a key. To "
                "add a provider, put a file into /etc/eks/credential-providers.d/. See "
                "eks-credential-provider.service(8).",
                "", false},
        SchemaKey{"kubelet.flags", ValueKind::flags,
                "Arguments of kubelet, behind ours. In TOML one item is one argument; in a NodeConfig "
                "systemd "
                "takes the items apart. See below."},
        SchemaKey{"kubelet.maxPodsExpression", ValueKind::text,
                "A CEL expression for maxPods, of the ints default_enis, ips_per_eni and max_pods, which is "
                "what would be without it; see eks-kubelet-config.service(8). One that is wrong is a "
                "warning, and an error under 'eksnode validate --strict'."},
        SchemaKey{"kubelet.maxPodsLimit", ValueKind::text,
                "'recommended': the maxPods we set are at most 110 up to 30 vCPUs, 250 above. 'none': as "
                "many as there are addresses. Without it, the limit holds where the CNI assigns prefixes.",
                "none|recommended", false},
        SchemaKey{"kubelet.reservations.evictionHard", ValueKind::toggle,
                "Whether our eviction thresholds are written, the default. Without them kubelet's own "
                "count.",
                "", false},
        SchemaKey{"kubelet.reservations.memoryLimitPercent", ValueKind::count,
                "The computed kubeReserved keeps at most this share of the machine's memory, from 1 to 100 "
                "percent. Without it there is no limit.",
                "", false},
        SchemaKey{"kubelet.reservations.policy", ValueKind::text,
                "How kubeReserved is computed: 'eks', the default, from the number of pods, 'gke' from the "
                "machine's memory; see eks-kubelet-config.service(8). 'none': nothing is reserved. "
                "'explicit': it is what kubelet.config.kubeReserved says, which must be set. With every "
                "policy kubelet.config.kubeReserved wins.",
                "eks|gke|none|explicit", false},
        SchemaKey{"kubelet.reservations.systemReserved", ValueKind::toggle,
                "Whether systemReserved is written too: 50m CPU, 384Mi memory, 256Mi ephemeral-storage and "
                "100 process ids. By default it is not.",
                "", false},
        SchemaKey{"node.gpuLabels", ValueKind::toggle,
                "Whether the node registers with labels of its NVIDIA devices, as GPU Feature Discovery "
                "names them; see eks-kubelet-args.service(8). Off by default.",
                "", false},
        SchemaKey{"node.hardwareLabels", ValueKind::toggle,
                "Whether the node registers with labels of its CPU, kernel and devices, as Node Feature "
                "Discovery names them; see eks-kubelet-args.service(8). Off by default.",
                "", false},
        SchemaKey{"node.labels", ValueKind::text_map,
                "Labels the node registers with. In a value ${imds.KEY} stands for a fact of the instance, "
                "${tag.KEY} for one of its tags; with :-VALUE behind KEY, VALUE where there is none. KEY of "
                "imds is one of accountId, amiId, architecture, availabilityZone, availabilityZoneId, "
                "domain, instanceId, instanceType, lifecycle, localHostname, localIpv4, partition, region. "
                "Values are never cut: one that is no label is refused. --node-labels in kubelet.flags "
                "wins over a label here.",
                "", false},
        SchemaKey{"node.taints", ValueKind::list,
                "Taints the node registers with: key=value:Effect, or key:Effect. ${imds.KEY} and "
                "${tag.KEY} stand for facts as in node.labels. registerWithTaints in kubelet.config and "
                "--register-with-taints in kubelet.flags replace them all.",
                "", false},
        SchemaKey{"profile", ValueKind::text,
                "A named set of settings, or the absolute path of a file with one; without the key: "
                "'default'. See eks-profile(5).",
                "", false},
        SchemaKey{"registry.mirrors", ValueKind::free_map,
                "Where containerd asks for the images of a registry before the registry itself: a table for "
                "each, named by its host, or '_default' for all others, with endpoints, server, "
                "capabilities, ca, clientCertificate, clientKey, headersFile, overridePath and insecure. "
                "See eks-registry-mirrors.service(8).",
                "", false},
        SchemaKey{"sysctl", ValueKind::free_map,
                "Kernel parameters, written as sysctl(8) shows them: kernel.pid_max = 4194304. A value is a "
                "whole number, or a string of one line. Only a part that has a dot itself is quoted: "
                "net.ipv4.conf.\"eth0.100\".forwarding. They win over those of the profile and over "
                "/etc/sysctl.d/; see eks-sysctl.service(8).",
                "", false},
};

} // namespace

std::span<const SchemaKey> schema()
{
        return table;
}

} // namespace eks
