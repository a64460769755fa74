// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/sources.hpp"

#include <array>

namespace eks {

namespace {

constexpr auto log = 4 * mebibyte;
constexpr bool systemd = true;

// The names are those of the log collector of AL2 and AL2023, where that collects the same.
// clang-format off
constexpr std::array sources{
        // What eksnode did, and decided.
        Source{"eksnode/status.txt", Kind::status, "status", mebibyte, systemd},
        Source{diagnosis_name, Kind::diagnosis, "diagnose --all"},
        Source{"eksnode/diagnosis.json", Kind::diagnosis, "diagnose --json"},
        Source{"eksnode/config.toml", Kind::verb, "config"},
        Source{"eksnode/origins.txt", Kind::verb, "config --origins"},
        Source{"eksnode/versions.txt", Kind::verb, "versions --installed"},
        Source{"eksnode/user-data.txt", Kind::digest, "/run/eks/user-data"},
        Source{"eksnode/eks.log", Kind::journal, "eks-*", log},
        Source{"eksnode/etc/", Kind::files, "/etc/eks/node.toml /etc/eks/node.d /etc/eks/nodeadm.d /etc/eks/containerd.d /etc/eks/credential-providers.d "
                                            "/etc/eks/profiles /etc/eks/runtimes.d /etc/eks/release /etc/eks/*-version.txt"},
        Source{"eksnode/run/", Kind::files, "/run/eks/imds.json /run/eks/cluster.json /run/eks/enabled /run/eks/done /run/eks/instance-store /run/eks/swap "
                                            "/run/eks/kubelet-config.json /run/eks/nodeadm/config.json /run/eks/status.json"},
        Source{"eksnode/lib/", Kind::files, "/var/lib/eks/commands.d /var/lib/eks/kubelet-checkpoints"},

        Source{"kubelet/kubelet.log", Kind::journal, "kubelet.service", log},
        Source{"kubelet/kubelet_service.txt", Kind::command, "systemctl cat kubelet.service", mebibyte, systemd},
        Source{"kubelet/", Kind::files, "/etc/kubernetes/kubelet/* /etc/eks/kubelet/environment"},
        Source{"kubelet/credential-provider.json", Kind::files, "/etc/eks/image-credential-provider/config.json"},
        Source{"kubelet/kubeconfig.yaml", Kind::files, "/var/lib/kubelet/kubeconfig"},
        Source{"kubelet/bootstrap-kubeconfig.yaml", Kind::files, "/var/lib/kubelet/bootstrap-kubeconfig"},
        Source{"nodeadm/nodeadm-config.log", Kind::journal, "nodeadm-config.service"},
        Source{"nodeadm/nodeadm-run.log", Kind::journal, "nodeadm-run.service"},
        Source{"nodeadm/nodeadm-boot-hook.log", Kind::journal, "nodeadm-boot-hook.service"},
        Source{"nodeadm/udev-net-manager.log", Kind::journal, "udev-net-manager@*"},

        Source{"containerd/containerd-log.txt", Kind::journal, "containerd.service", log},
        Source{"containerd/containerd-config.txt", Kind::command, "containerd config dump"},
        Source{"containerd/", Kind::files, "/etc/containerd/*.toml /etc/containerd/*.json /etc/containerd/certs.d /tmp/containerd.*.stacks.log"},
        Source{"containerd/containerd-version.txt", Kind::command, "ctr version"},
        Source{"containerd/containerd-namespaces.txt", Kind::command, "ctr namespaces list"},
        Source{"containerd/containerd-images.txt", Kind::command, "ctr --namespace k8s.io images list"},
        Source{"containerd/containerd-containers.txt", Kind::command, "ctr --namespace k8s.io containers list"},
        Source{"containerd/containerd-tasks.txt", Kind::command, "ctr --namespace k8s.io tasks list"},
        Source{"containerd/containerd-plugins.txt", Kind::command, "ctr --namespace k8s.io plugins list"},
        Source{"containerd/soci-snapshotter/soci-snapshotter-status.txt", Kind::command, "systemctl status soci-snapshotter.service", mebibyte, systemd},
        Source{"containerd/soci-snapshotter/soci-snapshotter-log.txt", Kind::journal, "soci-snapshotter.service"},
        Source{"containerd/soci-snapshotter/", Kind::files, "/etc/soci-snapshotter-grpc/config.toml"},
        Source{"docker/docker-info.txt", Kind::command, "docker info"},
        Source{"docker/docker-ps.txt", Kind::command, "docker ps --all --no-trunc"},
        Source{"docker/docker-images.txt", Kind::command, "docker images"},
        Source{"docker/docker-version.txt", Kind::command, "docker version"},
        Source{"docker/docker.log", Kind::journal, "docker.service"},
        Source{"sandbox-image/sandbox-image-log.txt", Kind::journal, "sandbox-image.service eks-sandbox-image.service"},

        Source{"ipamd/enis.json", Kind::url, ":61679/v1/enis"},
        Source{"ipamd/pods.json", Kind::url, ":61679/v1/pods"},
        Source{"ipamd/networkutils-env-settings.json", Kind::url, ":61679/v1/networkutils-env-settings"},
        Source{"ipamd/ipamd-env-settings.json", Kind::url, ":61679/v1/ipamd-env-settings"},
        Source{"ipamd/eni-configs.json", Kind::url, ":61679/v1/eni-configs"},
        Source{"ipamd/metrics.json", Kind::url, ":61678/metrics"},
        Source{"ipamd/", Kind::files, "/var/run/aws-node/*"},
        Source{"cni/", Kind::files, "/etc/cni/net.d/*"},
        Source{"networking/ebpf-data.txt", Kind::command, "/opt/cni/bin/aws-eks-na-cli ebpf loaded-ebpfdata"},

        Source{"var_log/journal.log", Kind::journal, "*", log},
        Source{"var_log/messages", Kind::files, "/var/log/messages", log},
        Source{"var_log/", Kind::files, "/var/log/syslog /var/log/unattended-upgrades /var/log/aws-routed-eni /var/log/cron /var/log/cloud-init.log "
                                        "/var/log/cloud-init-output.log /var/log/user-data.log /var/log/kube-proxy.log"},
        Source{"var_log/containers/", Kind::files, "/var/log/containers/aws-node* /var/log/containers/kube-system_cni-metrics-helper* /var/log/containers/coredns-* "
                                        "/var/log/containers/kube-proxy* /var/log/containers/*-csi* /var/log/containers/mp_*_mount_s3* "
                                        "/var/log/containers/eks-pod-identity-agent* /var/log/containers/eks-node-monitoring-agent*"},
        Source{"var_log/", Kind::files, "/var/log/pods/kube-system_aws-node* /var/log/pods/kube-system_cni-metrics-helper* /var/log/pods/kube-system_coredns* "
                                        "/var/log/pods/kube-system_kube-proxy* /var/log/pods/kube-system_*-csi* /var/log/pods/kube-system_eks-pod-identity-agent* "
                                        "/var/log/pods/kube-system_eks-node-monitoring-agent* /var/log/pods/kube-system_kube-multus* /var/log/pods/mount-s3_*"},

        Source{"kernel/dmesg.boot", Kind::files, "/var/log/dmesg"},
        Source{"kernel/dmesg.current", Kind::command, "dmesg"},
        Source{"kernel/dmesg.human.current", Kind::command, "dmesg --ctime"},
        Source{"kernel/kernel.log", Kind::journal, "_TRANSPORT=kernel"},
        Source{"kernel/uname.txt", Kind::command, "uname -a"},
        Source{"kernel/", Kind::files, "/proc/cmdline /proc/modules /proc/meminfo /proc/cpuinfo /proc/pressure /proc/mdstat"},
        Source{"modinfo/lustre", Kind::command, "modinfo lustre"},
        Source{"modinfo/lsmod.txt", Kind::command, "lsmod"},

        Source{"storage/mounts.txt", Kind::command, "mount ; df --human-readable"},
        Source{"storage/inodes.txt", Kind::command, "df --inodes"},
        Source{"storage/lsblk.txt", Kind::command, "lsblk"},
        Source{"storage/fstab.txt", Kind::files, "/etc/fstab"},
        Source{"storage/lvs.txt", Kind::command, "lvs"},
        Source{"storage/pvs.txt", Kind::command, "pvs"},
        Source{"storage/vgs.txt", Kind::command, "vgs"},
        Source{"storage/xfs.txt", Kind::command, "xfs_info {xfs} ; xfs_db -r -c freesp {xfs}"},

        Source{"system/os-release.txt", Kind::files, "/etc/os-release"},
        Source{"system/instance-id.txt", Kind::files, "/var/lib/cloud/data/instance-id"},
        Source{"system/selinux.txt", Kind::command, "getenforce"},
        Source{"system/pkglist.txt", Kind::command, "rpm -qa ; dpkg --list"},
        Source{"system/services.txt", Kind::command, "systemctl list-units --all --no-pager ; systemctl list-jobs --no-pager", mebibyte, systemd},
        Source{"system/units.txt", Kind::command, "systemctl status --no-pager --lines=0 eks-* containerd.service kubelet.service", mebibyte, systemd},
        Source{"system/systemd-analyze.svg", Kind::command, "systemd-analyze plot", log, systemd},
        Source{"system/critical-chain.txt", Kind::command, "systemd-analyze critical-chain --no-pager eks-node.target", mebibyte, systemd},
        Source{"system/top.txt", Kind::command, "top -b -n 1"},
        Source{"system/ps.txt", Kind::command, "ps fauxwww --headers"},
        Source{"system/ps-threads.txt", Kind::command, "ps -eTF --headers"},
        Source{"system/netstat.txt", Kind::command, "ss -anp"},
        Source{"system/procstat.txt", Kind::files, "/proc/stat"},
        Source{"system/allprocstat.txt", Kind::table, "processes"},
        Source{"system/large_environments.txt", Kind::table, "environments"},
        Source{"system/cpu_throttling.txt", Kind::table, "cpu"},
        Source{"system/io_throttling.txt", Kind::table, "io"},
        Source{"system/last_reboot.txt", Kind::command, "last reboot"},
        Source{"sysctls/sysctl_all.txt", Kind::command, "sysctl --all"},

        Source{"networking/iptables.txt", Kind::command, "iptables --wait 1 --numeric --verbose --list"},
        Source{"networking/ip6tables.txt", Kind::command, "ip6tables --wait 1 --numeric --verbose --list"},
        Source{"networking/iptables-save.txt", Kind::command, "iptables-save"},
        Source{"networking/ip6tables-save.txt", Kind::command, "ip6tables-save"},
        Source{"networking/nft.txt", Kind::command, "nft list ruleset"},
        Source{"networking/ipvsadm.txt", Kind::command, "ipvsadm --save ; ipvsadm --list --numeric --rate ; ipvsadm --list --numeric --stats --exact"},
        Source{"networking/ipset.txt", Kind::command, "ipset --list ; ipset --save"},
        Source{"networking/conntrack.txt", Kind::command, "conntrack -S ; conntrack -L"},
        Source{"networking/conntrack6.txt", Kind::command, "conntrack -L -f ipv6"},
        Source{"networking/ip.txt", Kind::command, "ip -details -statistics address show"},
        Source{"networking/iprule.txt", Kind::command, "ip rule show"},
        Source{"networking/ip6rule.txt", Kind::command, "ip -6 rule show"},
        Source{"networking/iproute.txt", Kind::command, "ip route show table all"},
        Source{"networking/ip6route.txt", Kind::command, "ip -6 route show table all"},
        Source{"networking/ethtool.txt", Kind::command, "ethtool -S {interface}"},
        Source{"networking/networkctl.txt", Kind::command, "networkctl status --all --no-pager", mebibyte, systemd},
        Source{"networking/configure-multicard-interfaces.txt", Kind::journal, "configure-multicard-interfaces.service"},
        Source{"networking/resolv.conf", Kind::files, "/etc/resolv.conf"},
        Source{"networking/hosts", Kind::files, "/etc/hosts"},
        Source{"networking/systemd-network/", Kind::files, "/usr/lib/systemd/network/* /usr/local/lib/systemd/network/* /run/systemd/network/* /etc/systemd/network/*"},
        Source{"gpu/nvidia-smi.txt", Kind::command, "nvidia-smi --query"},
};
// clang-format on

} // namespace

std::span<const Source> log_sources()
{
        return sources;
}

std::string_view kind_name(Kind kind)
{
        switch (kind) {
        case Kind::files:
                return "files";
        case Kind::digest:
                return "digest";
        case Kind::command:
                return "command";
        case Kind::verb:
        case Kind::status:
        case Kind::diagnosis:
                return "eksnode";
        case Kind::journal:
                return "journal";
        case Kind::url:
                return "url";
        case Kind::table:
                return "table";
        }
        return "";
}

} // namespace eks
