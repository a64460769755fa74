// SPDX-License-Identifier: Apache-2.0
#include "containerd/setting_table.hpp"

#include <array>

namespace eks {

namespace {

using Row = SettingRow;

// Schema 2: `containerd config default` of 1.6 and 1.7. Schema 3: that of 2.0 to 2.3, and docs/cri/config.md
// of containerd; the moves are those that containerd 2.x makes when it reads schema 2, and those of the
// streaming server, which it omits. Handlers of users may have any options.
constexpr std::array table{
        Row{"cgroup/path", "=", Shape::text},
        Row{"debug/address", "=", Shape::text},
        Row{"debug/format", "=", Shape::text},
        Row{"debug/gid", "=", Shape::number},
        Row{"debug/level", "=", Shape::text},
        Row{"debug/log_trace_id", "=", Shape::toggle},
        Row{"debug/uid", "=", Shape::number},
        Row{"disabled_plugins", "=", Shape::list},
        Row{"grpc/address", "=", Shape::text},
        Row{"grpc/gid", "=", Shape::number},
        Row{"grpc/max_recv_message_size", "=", Shape::number},
        Row{"grpc/max_send_message_size", "=", Shape::number},
        Row{"grpc/tcp_address", "=", Shape::text},
        Row{"grpc/tcp_tls_ca", "=", Shape::text},
        Row{"grpc/tcp_tls_cert", "=", Shape::text},
        Row{"grpc/tcp_tls_common_name", "=", Shape::text},
        Row{"grpc/tcp_tls_key", "=", Shape::text},
        Row{"grpc/uid", "=", Shape::number},
        Row{"imports", "=", Shape::list},
        Row{"metrics/address", "=", Shape::text},
        Row{"metrics/grpc_histogram", "=", Shape::toggle},
        Row{"oom_score", "=", Shape::number},
        Row{"plugin_dir", "", Shape::text},
        Row{"proxy_plugins/*/address", "=", Shape::text},
        Row{"proxy_plugins/*/capabilities", "=", Shape::list},
        Row{"proxy_plugins/*/exports/*", "=", Shape::text},
        Row{"proxy_plugins/*/platform", "=", Shape::text},
        Row{"proxy_plugins/*/type", "=", Shape::text},
        Row{"required_plugins", "=", Shape::list},
        Row{"root", "=", Shape::text},
        Row{"state", "=", Shape::text},
        Row{"stream_processors/*/accepts", "=", Shape::list},
        Row{"stream_processors/*/args", "=", Shape::list},
        Row{"stream_processors/*/env", "=", Shape::list},
        Row{"stream_processors/*/path", "=", Shape::text},
        Row{"stream_processors/*/returns", "=", Shape::text},
        Row{"temp", "=", Shape::text},
        Row{"timeouts/*", "=", Shape::text},
        Row{"ttrpc/address", "=", Shape::text},
        Row{"ttrpc/gid", "=", Shape::number},
        Row{"ttrpc/uid", "=", Shape::number},

        // The image service.
        Row{"cri:containerd/disable_snapshot_annotations", "images:disable_snapshot_annotations",
                Shape::toggle},
        Row{"cri:containerd/discard_unpacked_layers", "images:discard_unpacked_layers", Shape::toggle},
        Row{"cri:containerd/snapshotter", "images:snapshotter", Shape::text},
        Row{"cri:image_decryption/key_model", "images:image_decryption/key_model", Shape::text},
        Row{"cri:image_pull_progress_timeout", "images:image_pull_progress_timeout", Shape::text, 7},
        Row{"cri:image_pull_with_sync_fs", "images:image_pull_with_sync_fs", Shape::toggle, 7},
        Row{"cri:max_concurrent_downloads", "images:max_concurrent_downloads", Shape::number},
        Row{"cri:registry/auths/*/...", "images:registry/auths/*/..."},
        Row{"cri:registry/config_path", "images:registry/config_path", Shape::text},
        Row{"cri:registry/configs/*/...", "images:registry/configs/*/..."},
        Row{"cri:registry/headers/*", "images:registry/headers/*", Shape::list},
        Row{"cri:registry/mirrors/*/...", "images:registry/mirrors/*/..."},
        Row{"cri:sandbox_image", "images:pinned_images/sandbox", Shape::text},
        Row{"cri:stats_collect_period", "images:stats_collect_period", Shape::number},
        Row{"", "images:concurrent_layer_fetch_buffer", Shape::number, 1},
        Row{"", "images:disable_image_pull_with_transfer_service", Shape::toggle},
        Row{"", "images:pinned_images/*", Shape::text},
        Row{"", "images:runtime_platforms/*/..."},
        Row{"", "images:use_local_image_pull", Shape::toggle, 1},

        // The runtime service.
        Row{"cri:cdi_spec_dirs", "runtime:cdi_spec_dirs", Shape::list, 7},
        Row{"cri:cni/bin_dir", "runtime:cni/bin_dir", Shape::text},
        Row{"cri:cni/conf_dir", "runtime:cni/conf_dir", Shape::text},
        Row{"cri:cni/conf_template", "runtime:cni/conf_template", Shape::text},
        Row{"cri:cni/ip_pref", "runtime:cni/ip_pref", Shape::text},
        Row{"cri:cni/max_conf_num", "runtime:cni/max_conf_num", Shape::number},
        Row{"cri:cni/setup_serially", "runtime:cni/setup_serially", Shape::toggle, 7},
        Row{"cri:containerd/default_runtime/...", "", Shape::any, 0, "containerd.default_runtime_name"},
        Row{"cri:containerd/default_runtime_name", "runtime:containerd/default_runtime_name", Shape::text},
        Row{"cri:containerd/ignore_blockio_not_enabled_errors",
                "runtime:containerd/ignore_blockio_not_enabled_errors", Shape::toggle, 7},
        Row{"cri:containerd/ignore_rdt_not_enabled_errors",
                "runtime:containerd/ignore_rdt_not_enabled_errors", Shape::toggle},
        Row{"cri:containerd/no_pivot", "", Shape::toggle, 0, "options.NoPivotRoot of the runtime"},
        Row{"cri:containerd/runtimes/*/base_runtime_spec", "runtime:containerd/runtimes/*/base_runtime_spec",
                Shape::text},
        Row{"cri:containerd/runtimes/*/cni_conf_dir", "runtime:containerd/runtimes/*/cni_conf_dir",
                Shape::text},
        Row{"cri:containerd/runtimes/*/cni_max_conf_num", "runtime:containerd/runtimes/*/cni_max_conf_num",
                Shape::number},
        Row{"cri:containerd/runtimes/*/container_annotations",
                "runtime:containerd/runtimes/*/container_annotations", Shape::list},
        Row{"cri:containerd/runtimes/*/options/BinaryName",
                "runtime:containerd/runtimes/*/options/BinaryName", Shape::text},
        Row{"cri:containerd/runtimes/*/options/SystemdCgroup",
                "runtime:containerd/runtimes/*/options/SystemdCgroup", Shape::toggle},
        Row{"cri:containerd/runtimes/*/options/...", "runtime:containerd/runtimes/*/options/..."},
        Row{"cri:containerd/runtimes/*/pod_annotations", "runtime:containerd/runtimes/*/pod_annotations",
                Shape::list},
        Row{"cri:containerd/runtimes/*/privileged_without_host_devices",
                "runtime:containerd/runtimes/*/privileged_without_host_devices", Shape::toggle},
        Row{"cri:containerd/runtimes/*/privileged_without_host_devices_all_devices_allowed",
                "runtime:containerd/runtimes/*/privileged_without_host_devices_all_devices_allowed",
                Shape::toggle, 7},
        Row{"cri:containerd/runtimes/*/runtime_engine", "", Shape::text, 0,
                "options.BinaryName of the runtime"},
        Row{"cri:containerd/runtimes/*/runtime_path", "runtime:containerd/runtimes/*/runtime_path",
                Shape::text},
        Row{"cri:containerd/runtimes/*/runtime_root", "", Shape::text, 0, "options.Root of the runtime"},
        Row{"cri:containerd/runtimes/*/runtime_type", "runtime:containerd/runtimes/*/runtime_type",
                Shape::text},
        Row{"cri:containerd/runtimes/*/sandbox_mode", "runtime:containerd/runtimes/*/sandboxer", Shape::text,
                7},
        Row{"cri:containerd/runtimes/*/snapshotter", "runtime:containerd/runtimes/*/snapshotter",
                Shape::text, 7},
        Row{"cri:containerd/untrusted_workload_runtime/...", "", Shape::any, 0, "a runtime named untrusted"},
        Row{"cri:device_ownership_from_security_context", "runtime:device_ownership_from_security_context",
                Shape::toggle},
        Row{"cri:disable_apparmor", "runtime:disable_apparmor", Shape::toggle},
        Row{"cri:disable_cgroup", "", Shape::toggle},
        Row{"cri:disable_hugetlb_controller", "runtime:disable_hugetlb_controller", Shape::toggle},
        Row{"cri:disable_proc_mount", "runtime:disable_proc_mount", Shape::toggle},
        Row{"cri:drain_exec_sync_io_timeout", "runtime:drain_exec_sync_io_timeout", Shape::text, 7},
        Row{"cri:enable_cdi", "runtime:enable_cdi", Shape::toggle, 7},
        Row{"cri:enable_selinux", "runtime:enable_selinux", Shape::toggle},
        Row{"cri:enable_unprivileged_icmp", "runtime:enable_unprivileged_icmp", Shape::toggle},
        Row{"cri:enable_unprivileged_ports", "runtime:enable_unprivileged_ports", Shape::toggle},
        Row{"cri:ignore_deprecation_warnings", "runtime:ignore_deprecation_warnings", Shape::list, 7},
        Row{"cri:ignore_image_defined_volumes", "runtime:ignore_image_defined_volumes", Shape::toggle},
        Row{"cri:max_container_log_line_size", "runtime:max_container_log_line_size", Shape::number},
        Row{"cri:netns_mounts_under_state_dir", "runtime:netns_mounts_under_state_dir", Shape::toggle},
        Row{"cri:restrict_oom_score_adj", "runtime:restrict_oom_score_adj", Shape::toggle},
        Row{"cri:selinux_category_range", "runtime:selinux_category_range", Shape::number},
        Row{"cri:systemd_cgroup", "", Shape::toggle, 0, "options.SystemdCgroup of the runtime"},
        Row{"cri:tolerate_missing_hugetlb_controller", "runtime:tolerate_missing_hugetlb_controller",
                Shape::toggle},
        Row{"cri:unset_seccomp_profile", "runtime:unset_seccomp_profile", Shape::text},
        Row{"", "runtime:cni/bin_dirs", Shape::list, 1},
        Row{"", "runtime:cni/use_internal_loopback", Shape::toggle},
        Row{"", "runtime:containerd/runtimes/*/cgroup_writable", Shape::toggle, 1},
        Row{"", "runtime:containerd/runtimes/*/io_type", Shape::text},
        Row{"", "runtime:enable_criu", Shape::toggle, 3},
        Row{"", "runtime:enable_experimental_restore_via_create", Shape::toggle, 3},
        Row{"", "runtime:stats_collect_period", Shape::text, 3},
        Row{"", "runtime:stats_retention_period", Shape::text, 3},

        // The streaming server is in the same place.
        Row{"cri:disable_tcp_service", "=", Shape::toggle},
        Row{"cri:enable_tls_streaming", "=", Shape::toggle},
        Row{"cri:stream_idle_timeout", "=", Shape::text},
        Row{"cri:stream_server_address", "=", Shape::text},
        Row{"cri:stream_server_port", "=", Shape::text},
        Row{"cri:x509_key_pair_streaming/...", "="},

        // Other plugins.
        Row{"io.containerd.gc.v1.scheduler:...", "="},
        Row{"io.containerd.internal.v1.opt:...", "="},
        Row{"io.containerd.internal.v1.restart:...", "io.containerd.monitor.container.v1.restart:..."},
        Row{"io.containerd.internal.v1.tracing:...", "="},
        Row{"io.containerd.metadata.v1.bolt:...", "="},
        Row{"io.containerd.monitor.v1.cgroups:...", "io.containerd.monitor.task.v1.cgroups:..."},
        Row{"io.containerd.nri.v1.nri:...", "=", Shape::any, 7},
        Row{"io.containerd.runtime.v1.linux:...", "", Shape::any, 0, "runtime_type io.containerd.runc.v2"},
        Row{"io.containerd.runtime.v2.task:platforms", "=", Shape::list},
        Row{"io.containerd.runtime.v2.task:sched_core", "", Shape::toggle, 0,
                "SCHED_CORE=true in env of io.containerd.shim.v1.manager"},
        Row{"io.containerd.service.v1.diff-service:...", "="},
        Row{"io.containerd.service.v1.tasks-service:...", "="},
        Row{"io.containerd.snapshotter.v1.aufs:...", "", Shape::any, 0, "the snapshotter overlayfs"},
        Row{"io.containerd.snapshotter.v1.blockfile:...", "=", Shape::any, 7},
        Row{"io.containerd.snapshotter.v1.btrfs:...", "="},
        Row{"io.containerd.snapshotter.v1.devmapper:...", "="},
        Row{"io.containerd.snapshotter.v1.native:...", "="},
        Row{"io.containerd.snapshotter.v1.overlayfs:...", "="},
        Row{"io.containerd.snapshotter.v1.zfs:...", "="},
        Row{"io.containerd.tracing.processor.v1.otlp:...", "="},
        Row{"io.containerd.transfer.v1.local:...", "=", Shape::any, 7},
        Row{"", "io.containerd.differ.v1.erofs:..."},
        Row{"", "io.containerd.image-verifier.v1.bindir:..."},
        Row{"", "io.containerd.mount-handler.v1.erofs:..."},
        Row{"", "io.containerd.shim.v1.manager:..."},
        Row{"", "io.containerd.snapshotter.v1.erofs:..."},
};

// The moves that containerd 2.3 makes when it reads schema 3, backwards.
constexpr std::array renamed{
        RenamedSetting{"io.containerd.metrics.v1.grpc-prometheus:...", "metrics/..."},
        RenamedSetting{"io.containerd.server.v1.debug:...", "debug/..."},
        RenamedSetting{"io.containerd.server.v1.grpc:...", "grpc/..."},
        RenamedSetting{"io.containerd.server.v1.grpc-tcp:address", "grpc/tcp_address"},
        RenamedSetting{"io.containerd.server.v1.grpc-tcp:tls_ca", "grpc/tcp_tls_ca"},
        RenamedSetting{"io.containerd.server.v1.grpc-tcp:tls_cert", "grpc/tcp_tls_cert"},
        RenamedSetting{"io.containerd.server.v1.grpc-tcp:tls_common_name", "grpc/tcp_tls_common_name"},
        RenamedSetting{"io.containerd.server.v1.grpc-tcp:tls_key", "grpc/tcp_tls_key"},
        RenamedSetting{
                "io.containerd.server.v1.grpc-tcp:...", "grpc/..."}, // the sizes, which both servers share
        RenamedSetting{"io.containerd.server.v1.metrics:...", "metrics/..."},
        RenamedSetting{"io.containerd.server.v1.ttrpc:...", "ttrpc/..."},
};

} // namespace

std::span<const RenamedSetting> renamed_settings()
{
        return renamed;
}

std::span<const SettingRow> setting_rows()
{
        return table;
}

} // namespace eks
