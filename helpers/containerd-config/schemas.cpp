// SPDX-License-Identifier: Apache-2.0
#include "schemas.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using Path = std::vector<std::string>;

// One setting in both schemas. "PLUGIN:path/of/keys", or a path from the top; "*" is any one name, a last
// "..." all that is below. PLUGIN is an id, or one of the short names of plugin_id(). An empty side: that
// schema has no such setting. "=" is the same place.
struct Row {
        std::string_view two;
        std::string_view three;
        unsigned minor = 0;         // the first containerd 1.N with it, where that is not 1.6
        std::string_view hint = {}; // what stands in for it in containerd 2.x
};

// Schema 2: `containerd config default` of 1.6 and 1.7. Schema 3: that of 2.0 to 2.2, and docs/cri/config.md
// of containerd; the moves are those that containerd 2.x makes when it reads schema 2, and those of the
// streaming server, which it forgets. Handlers of one's own may hold any options.
constexpr std::array table{
        Row{"cgroup/...", "="},
        Row{"debug/...", "="},
        Row{"disabled_plugins", "="},
        Row{"grpc/...", "="},
        Row{"imports", "="},
        Row{"metrics/...", "="},
        Row{"oom_score", "="},
        Row{"plugin_dir", ""},
        Row{"proxy_plugins/...", "="},
        Row{"required_plugins", "="},
        Row{"root", "="},
        Row{"state", "="},
        Row{"stream_processors/...", "="},
        Row{"temp", "="},
        Row{"timeouts/...", "="},
        Row{"ttrpc/...", "="},

        // The image service.
        Row{"cri:containerd/disable_snapshot_annotations", "images:disable_snapshot_annotations"},
        Row{"cri:containerd/discard_unpacked_layers", "images:discard_unpacked_layers"},
        Row{"cri:containerd/snapshotter", "images:snapshotter"},
        Row{"cri:image_decryption/key_model", "images:image_decryption/key_model"},
        Row{"cri:image_pull_progress_timeout", "images:image_pull_progress_timeout", 7},
        Row{"cri:image_pull_with_sync_fs", "images:image_pull_with_sync_fs", 7},
        Row{"cri:max_concurrent_downloads", "images:max_concurrent_downloads"},
        Row{"cri:registry/auths/...", "images:registry/auths/..."},
        Row{"cri:registry/config_path", "images:registry/config_path"},
        Row{"cri:registry/configs/...", "images:registry/configs/..."},
        Row{"cri:registry/headers/...", "images:registry/headers/..."},
        Row{"cri:registry/mirrors/...", "images:registry/mirrors/..."},
        Row{"cri:sandbox_image", "images:pinned_images/sandbox"},
        Row{"cri:stats_collect_period", "images:stats_collect_period"},
        Row{"", "images:concurrent_layer_fetch_buffer"},
        Row{"", "images:disable_image_pull_with_transfer_service"},
        Row{"", "images:pinned_images/*"},
        Row{"", "images:runtime_platforms/..."},
        Row{"", "images:use_local_image_pull"},

        // The runtime service.
        Row{"cri:cdi_spec_dirs", "runtime:cdi_spec_dirs", 7},
        Row{"cri:cni/bin_dir", "runtime:cni/bin_dir"},
        Row{"cri:cni/conf_dir", "runtime:cni/conf_dir"},
        Row{"cri:cni/conf_template", "runtime:cni/conf_template"},
        Row{"cri:cni/ip_pref", "runtime:cni/ip_pref"},
        Row{"cri:cni/max_conf_num", "runtime:cni/max_conf_num"},
        Row{"cri:cni/setup_serially", "runtime:cni/setup_serially", 7},
        Row{"cri:containerd/default_runtime/...", "", 0, "containerd.default_runtime_name"},
        Row{"cri:containerd/default_runtime_name", "runtime:containerd/default_runtime_name"},
        Row{"cri:containerd/ignore_blockio_not_enabled_errors",
                "runtime:containerd/ignore_blockio_not_enabled_errors", 7},
        Row{"cri:containerd/ignore_rdt_not_enabled_errors",
                "runtime:containerd/ignore_rdt_not_enabled_errors"},
        Row{"cri:containerd/no_pivot", "", 0, "options.NoPivotRoot of the runtime"},
        Row{"cri:containerd/runtimes/*/base_runtime_spec",
                "runtime:containerd/runtimes/*/base_runtime_spec"},
        Row{"cri:containerd/runtimes/*/cni_conf_dir", "runtime:containerd/runtimes/*/cni_conf_dir"},
        Row{"cri:containerd/runtimes/*/cni_max_conf_num", "runtime:containerd/runtimes/*/cni_max_conf_num"},
        Row{"cri:containerd/runtimes/*/container_annotations",
                "runtime:containerd/runtimes/*/container_annotations"},
        Row{"cri:containerd/runtimes/*/options/...", "runtime:containerd/runtimes/*/options/..."},
        Row{"cri:containerd/runtimes/*/pod_annotations", "runtime:containerd/runtimes/*/pod_annotations"},
        Row{"cri:containerd/runtimes/*/privileged_without_host_devices",
                "runtime:containerd/runtimes/*/privileged_without_host_devices"},
        Row{"cri:containerd/runtimes/*/privileged_without_host_devices_all_devices_allowed",
                "runtime:containerd/runtimes/*/privileged_without_host_devices_all_devices_allowed", 7},
        Row{"cri:containerd/runtimes/*/runtime_engine", "", 0, "options.BinaryName of the runtime"},
        Row{"cri:containerd/runtimes/*/runtime_path", "runtime:containerd/runtimes/*/runtime_path"},
        Row{"cri:containerd/runtimes/*/runtime_root", "", 0, "options.Root of the runtime"},
        Row{"cri:containerd/runtimes/*/runtime_type", "runtime:containerd/runtimes/*/runtime_type"},
        Row{"cri:containerd/runtimes/*/sandbox_mode", "runtime:containerd/runtimes/*/sandboxer", 7},
        Row{"cri:containerd/runtimes/*/snapshotter", "runtime:containerd/runtimes/*/snapshotter", 7},
        Row{"cri:containerd/untrusted_workload_runtime/...", "", 0, "a runtime named untrusted"},
        Row{"cri:device_ownership_from_security_context", "runtime:device_ownership_from_security_context"},
        Row{"cri:disable_apparmor", "runtime:disable_apparmor"},
        Row{"cri:disable_cgroup", ""},
        Row{"cri:disable_hugetlb_controller", "runtime:disable_hugetlb_controller"},
        Row{"cri:disable_proc_mount", "runtime:disable_proc_mount"},
        Row{"cri:drain_exec_sync_io_timeout", "runtime:drain_exec_sync_io_timeout", 7},
        Row{"cri:enable_cdi", "runtime:enable_cdi", 7},
        Row{"cri:enable_selinux", "runtime:enable_selinux"},
        Row{"cri:enable_unprivileged_icmp", "runtime:enable_unprivileged_icmp"},
        Row{"cri:enable_unprivileged_ports", "runtime:enable_unprivileged_ports"},
        Row{"cri:ignore_deprecation_warnings", "runtime:ignore_deprecation_warnings", 7},
        Row{"cri:ignore_image_defined_volumes", "runtime:ignore_image_defined_volumes"},
        Row{"cri:max_container_log_line_size", "runtime:max_container_log_line_size"},
        Row{"cri:netns_mounts_under_state_dir", "runtime:netns_mounts_under_state_dir"},
        Row{"cri:restrict_oom_score_adj", "runtime:restrict_oom_score_adj"},
        Row{"cri:selinux_category_range", "runtime:selinux_category_range"},
        Row{"cri:systemd_cgroup", "", 0, "options.SystemdCgroup of the runtime"},
        Row{"cri:tolerate_missing_hugetlb_controller", "runtime:tolerate_missing_hugetlb_controller"},
        Row{"cri:unset_seccomp_profile", "runtime:unset_seccomp_profile"},
        Row{"", "runtime:cni/bin_dirs"},
        Row{"", "runtime:cni/use_internal_loopback"},
        Row{"", "runtime:containerd/runtimes/*/cgroup_writable"},
        Row{"", "runtime:containerd/runtimes/*/io_type"},

        // The server of streams has stayed.
        Row{"cri:disable_tcp_service", "="},
        Row{"cri:enable_tls_streaming", "="},
        Row{"cri:stream_idle_timeout", "="},
        Row{"cri:stream_server_address", "="},
        Row{"cri:stream_server_port", "="},
        Row{"cri:x509_key_pair_streaming/...", "="},

        // Other plugins.
        Row{"io.containerd.gc.v1.scheduler:...", "="},
        Row{"io.containerd.internal.v1.opt:...", "="},
        Row{"io.containerd.internal.v1.restart:...", "io.containerd.monitor.container.v1.restart:..."},
        Row{"io.containerd.internal.v1.tracing:...", "="},
        Row{"io.containerd.metadata.v1.bolt:...", "="},
        Row{"io.containerd.monitor.v1.cgroups:...", "io.containerd.monitor.task.v1.cgroups:..."},
        Row{"io.containerd.nri.v1.nri:...", "=", 7},
        Row{"io.containerd.runtime.v1.linux:...", "", 0, "runtime_type io.containerd.runc.v2"},
        Row{"io.containerd.runtime.v2.task:platforms", "="},
        Row{"io.containerd.runtime.v2.task:sched_core", "", 0,
                "SCHED_CORE=true in env of io.containerd.shim.v1.manager"},
        Row{"io.containerd.service.v1.diff-service:...", "="},
        Row{"io.containerd.service.v1.tasks-service:...", "="},
        Row{"io.containerd.snapshotter.v1.aufs:...", "", 0, "the snapshotter overlayfs"},
        Row{"io.containerd.snapshotter.v1.blockfile:...", "=", 7},
        Row{"io.containerd.snapshotter.v1.btrfs:...", "="},
        Row{"io.containerd.snapshotter.v1.devmapper:...", "="},
        Row{"io.containerd.snapshotter.v1.native:...", "="},
        Row{"io.containerd.snapshotter.v1.overlayfs:...", "="},
        Row{"io.containerd.snapshotter.v1.zfs:...", "="},
        Row{"io.containerd.tracing.processor.v1.otlp:...", "="},
        Row{"io.containerd.transfer.v1.local:...", "=", 7},
        Row{"", "io.containerd.differ.v1.erofs:..."},
        Row{"", "io.containerd.image-verifier.v1.bindir:..."},
        Row{"", "io.containerd.mount-handler.v1.erofs:..."},
        Row{"", "io.containerd.shim.v1.manager:..."},
        Row{"", "io.containerd.snapshotter.v1.erofs:..."},
};

std::string plugin_id(std::string_view name)
{
        return name == "cri"       ? plugin::cri
               : name == "images"  ? plugin::images
               : name == "runtime" ? plugin::runtime
                                   : std::string(name);
}

Path pattern_of(std::string_view text)
{
        Path path;
        if (const auto colon = text.find(':'); colon != std::string_view::npos) {
                path = {"plugins", plugin_id(text.substr(0, colon))};
                text.remove_prefix(colon + 1);
        }
        for (const auto part : split(text, '/'))
                path.emplace_back(part);
        return path;
}

// What "*" and "..." stand for, in order; nothing if the path does not fit.
std::optional<Path> match(const Path& pattern, const Path& path)
{
        Path wild;
        for (std::size_t i = 0; i < pattern.size(); ++i) {
                if (i >= path.size())
                        return std::nullopt;
                if (pattern[i] == "...") {
                        wild.insert(wild.end(), path.begin() + static_cast<std::ptrdiff_t>(i), path.end());
                        return wild;
                }
                if (pattern[i] == "*")
                        wild.push_back(path[i]);
                else if (pattern[i] != path[i])
                        return std::nullopt;
        }
        return path.size() == pattern.size() ? std::optional(wild) : std::nullopt;
}

Path fill(const Path& pattern, const Path& wild)
{
        Path path;
        auto next = wild.begin();
        for (const auto& part : pattern) {
                if (part == "...")
                        path.insert(path.end(), next, wild.end());
                else
                        path.push_back(part == "*" ? *next++ : part);
        }
        return path;
}

struct Patterns {
        const Row* row;
        Path two;
        Path three;
};

const std::vector<Patterns>& patterns()
{
        static const auto made = [] {
                std::vector<Patterns> all;
                for (const auto& row : table)
                        all.push_back({&row, pattern_of(row.two),
                                pattern_of(row.three == "=" ? row.two : row.three)});
                return all;
        }();
        return made;
}

struct Found {
        const Patterns* patterns;
        Path wild;
};

std::optional<Found> find_row(const Path& path, Path Patterns::*side)
{
        for (const auto& entry : patterns())
                if (!(entry.*side).empty())
                        if (auto wild = match(entry.*side, path))
                                return Found{&entry, std::move(*wild)};
        return std::nullopt;
}

// Calls f with the path and key of every value that is no table. An empty table sets nothing.
using Visit = std::function<void(const Path&, const std::string&, const Json&)>;

void each_setting(const Json& table_node, Path& path, const std::string& key, const Visit& f)
{
        for (const auto& [name, value] : table_node.items()) {
                path.push_back(name);
                const auto child = key_path(key, name);
                if (value.is_object())
                        each_setting(value, path, child, f);
                else
                        f(path, child, value);
                path.pop_back();
        }
}

void each_setting(const Layer& layer, const Visit& f)
{
        Path path;
        each_setting(layer.tree, path, "", f);
}

std::string shown(const Path& path)
{
        std::string key;
        for (const auto& name : path)
                key = key_path(key, name);
        return key;
}

// The part that is named in a note: a plugin that we do not know is named once.
Path unknown_part(const Path& path)
{
        const bool of_plugin = path.size() > 2 && path.front() == "plugins";
        const auto known_plugin = [&](const Patterns& entry) {
                const auto is_it = [&](const Path& side) { return side.size() > 1 && side[1] == path[1]; };
                return is_it(entry.two) || is_it(entry.three);
        };
        if (of_plugin && std::ranges::none_of(patterns(), known_plugin))
                return {path[0], path[1]};
        return path;
}

// Notes each unknown setting, or plugin, once.
class Unknown {
public:
        Unknown(const Layer& layer, std::vector<Note>& notes) : layer_(&layer), notes_(&notes) {}

        void note(const Path& path)
        {
                const auto key = shown(unknown_part(path));
                if (noted_.insert(key).second)
                        notes_->push_back({Level::warning,
                                fmt::format(
                                        "{}: {}: no setting of containerd that eksnode knows, proceeding",
                                        place_of(layer_->marks, key, {layer_->source}).text(), key),
                                true});
        }

private:
        const Layer* layer_;
        std::vector<Note>* notes_;
        std::set<std::string> noted_;
};

class Translator {
public:
        Translator(const Layer& layer, const Version& containerd, std::vector<Note>& notes)
                : layer_(&layer), containerd_(containerd), three_(schema_for(containerd) == 3),
                  notes_(&notes), unknown_(layer, notes)
        {
        }

        Json run()
        {
                each_setting(*layer_, [&](const Path& path, const std::string& key, const Json& value) {
                        if (key != "version")
                                take(path, key, value);
                });
                problems_.throw_if_any(failure::config_invalid);
                return std::move(result_);
        }

private:
        void take(const Path& path, const std::string& key, const Json& value)
        {
                auto here = three_ ? &Patterns::three : &Patterns::two;
                auto there = three_ ? &Patterns::two : &Patterns::three;
                if (const auto found = find_row(path, here)) {
                        say_if_too_new(*found, key);
                        put(path, key, value);
                } else if (const auto other = find_row(path, there)) {
                        move(*other, here, key, value);
                } else {
                        unknown_.note(path);
                        put(path, key, value);
                }
        }

        void move(const Found& found, Path Patterns::*side, const std::string& key, const Json& value)
        {
                const auto& to = found.patterns->*side;
                if (!to.empty()) {
                        say_if_too_new(found, key);
                        put(fill(to, found.wild), key, value);
                        return;
                }
                // 2.2 has a list of directories where all before have one.
                const bool one_directory = key.ends_with(".cni.bin_dirs") && value.is_array() &&
                                           value.size() == 1 && value.front().is_string();
                if (one_directory)
                        put({"plugins", plugin::cri, "cni", "bin_dir"}, key, value.front());
                else if (three_)
                        notes_->push_back({Level::warning,
                                fmt::format("{}: {}: containerd {} has no such setting{}, ignoring",
                                        where(key).text(), key, containerd_.text(),
                                        found.patterns->row->hint.empty()
                                                ? ""
                                                : fmt::format(" (use {})", found.patterns->row->hint))});
                else
                        problems_.add(where(key), key, "",
                                fmt::format("containerd {} has no such setting, and none like it",
                                        containerd_.text()),
                                "Remove what is named, or use containerd 2.x");
        }

        // 1.6 passes over what only 1.7 reads, without a word.
        void say_if_too_new(const Found& found, const std::string& key)
        {
                if (!three_ && containerd_.minor < found.patterns->row->minor)
                        notes_->push_back({Level::warning,
                                fmt::format("{}: {}: containerd {} does not read it, 1.{} and later do, "
                                            "proceeding",
                                        where(key).text(), key, containerd_.text(),
                                        found.patterns->row->minor)});
        }

        void put(const Path& path, const std::string& key, const Json& value)
        {
                Json* node = &result_;
                for (const auto& name : path) {
                        if (node->is_null())
                                *node = Json::object();
                        if (!node->is_object())
                                break;
                        node = &(*node)[name];
                }
                const auto [first, is_first] = origin_.emplace(shown(path), key);
                if (!node->is_null() && (*node != value || is_first))
                        problems_.add(where(key), key, "",
                                fmt::format("the same setting as {} ({}), with another value", first->second,
                                        where(first->second).text()),
                                "Give it once");
                else
                        *node = value;
        }

        Where where(const std::string& key) const { return place_of(layer_->marks, key, {layer_->source}); }

        const Layer* layer_;
        Version containerd_;
        bool three_;
        std::vector<Note>* notes_;
        Unknown unknown_;
        Json result_ = Json::object();
        std::map<std::string, std::string> origin_; // where it is now, where it was
        Problems problems_;
};

void check_version(const Layer& layer)
{
        const auto version = layer.tree.value("version", Json(3));
        if (version == 2 || version == 3)
                return;
        throw Error(failure::config_invalid,
                fmt::format("{}: version = {}: eksnode knows schema 2 and 3 of containerd's configuration",
                        place_of(layer.marks, "version", {layer.source}).text(), version.dump()),
                "Write the settings in one of them; containerd reads both");
}

} // namespace

int schema_for(const Version& containerd)
{
        return containerd.major >= 2 ? 3 : 2;
}

Json translate(const Layer& layer, const Version& containerd, std::vector<Note>& notes)
{
        check_version(layer);
        return Translator(layer, containerd, notes).run();
}

void check_known(const Layer& layer, std::vector<Note>& notes)
{
        check_version(layer);
        Unknown unknown(layer, notes);
        each_setting(layer, [&](const Path& path, const std::string& key, const Json&) {
                if (key != "version" && !find_row(path, &Patterns::two) && !find_row(path, &Patterns::three))
                        unknown.note(path);
        });
}

} // namespace eks
