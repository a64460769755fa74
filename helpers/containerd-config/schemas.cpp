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
#include "config/toml.hpp"

namespace eks {

namespace {

using Path = std::vector<std::string>;

// What containerd's structure holds there; any where nothing of ours rests on it.
enum class Kind { any, text, texts, number, toggle };

std::string_view expected(Kind kind)
{
        switch (kind) {
        case Kind::any:
                return "";
        case Kind::text:
                return "must be a string";
        case Kind::texts:
                return "must be a list of strings";
        case Kind::number:
                return "must be a whole number";
        case Kind::toggle:
                return "must be true or false";
        }
        return "";
}

bool fits(const Json& value, Kind kind)
{
        switch (kind) {
        case Kind::any:
                return true;
        case Kind::text:
                return value.is_string();
        case Kind::texts:
                return value.is_array() &&
                       std::ranges::all_of(value, [](const Json& v) { return v.is_string(); });
        case Kind::number:
                return value.is_number_integer();
        case Kind::toggle:
                return value.is_boolean();
        }
        return false;
}

// One setting in both schemas. "PLUGIN:path/of/keys", or a path from the top; "*" is any one name, a last
// "..." all that is below. PLUGIN is an id, or one of the short names of plugin_id(). An empty side: that
// schema has no such setting. "=" is the same place.
struct Row {
        std::string_view two;
        std::string_view three;
        Kind kind = Kind::any;
        unsigned minor = 0;         // the first with it: 1.N if not 1.6; 2.N if schema 2 has it not
        std::string_view hint = {}; // what stands in for it in containerd 2.x

        bool is_too_new_for(const Version& containerd) const
        {
                return containerd.major == (two.empty() ? 2 : 1) && containerd.minor < minor;
        }
};

// Schema 2: `containerd config default` of 1.6 and 1.7. Schema 3: that of 2.0 to 2.2, and docs/cri/config.md
// of containerd; the moves are those that containerd 2.x makes when it reads schema 2, and those of the
// streaming server, which it forgets. Handlers of one's own may hold any options.
constexpr std::array table{
        Row{"cgroup/...", "="},
        Row{"debug/level", "=", Kind::text},
        Row{"debug/...", "="},
        Row{"disabled_plugins", "=", Kind::texts},
        Row{"grpc/address", "=", Kind::text},
        Row{"grpc/...", "="},
        Row{"imports", "=", Kind::texts},
        Row{"metrics/...", "="},
        Row{"oom_score", "=", Kind::number},
        Row{"plugin_dir", "", Kind::text},
        Row{"proxy_plugins/*/...", "="},
        Row{"required_plugins", "=", Kind::texts},
        Row{"root", "=", Kind::text},
        Row{"state", "=", Kind::text},
        Row{"stream_processors/*/...", "="},
        Row{"temp", "=", Kind::text},
        Row{"timeouts/*", "=", Kind::text},
        Row{"ttrpc/...", "="},

        // The image service.
        Row{"cri:containerd/disable_snapshot_annotations", "images:disable_snapshot_annotations",
                Kind::toggle},
        Row{"cri:containerd/discard_unpacked_layers", "images:discard_unpacked_layers", Kind::toggle},
        Row{"cri:containerd/snapshotter", "images:snapshotter", Kind::text},
        Row{"cri:image_decryption/key_model", "images:image_decryption/key_model", Kind::text},
        Row{"cri:image_pull_progress_timeout", "images:image_pull_progress_timeout", Kind::text, 7},
        Row{"cri:image_pull_with_sync_fs", "images:image_pull_with_sync_fs", Kind::toggle, 7},
        Row{"cri:max_concurrent_downloads", "images:max_concurrent_downloads", Kind::number},
        Row{"cri:registry/auths/*/...", "images:registry/auths/*/..."},
        Row{"cri:registry/config_path", "images:registry/config_path", Kind::text},
        Row{"cri:registry/configs/*/...", "images:registry/configs/*/..."},
        Row{"cri:registry/headers/*", "images:registry/headers/*", Kind::texts},
        Row{"cri:registry/mirrors/*/...", "images:registry/mirrors/*/..."},
        Row{"cri:sandbox_image", "images:pinned_images/sandbox", Kind::text},
        Row{"cri:stats_collect_period", "images:stats_collect_period", Kind::number},
        Row{"", "images:concurrent_layer_fetch_buffer", Kind::number, 1},
        Row{"", "images:disable_image_pull_with_transfer_service", Kind::toggle},
        Row{"", "images:pinned_images/*", Kind::text},
        Row{"", "images:runtime_platforms/*/..."},
        Row{"", "images:use_local_image_pull", Kind::toggle, 1},

        // The runtime service.
        Row{"cri:cdi_spec_dirs", "runtime:cdi_spec_dirs", Kind::texts, 7},
        Row{"cri:cni/bin_dir", "runtime:cni/bin_dir", Kind::text},
        Row{"cri:cni/conf_dir", "runtime:cni/conf_dir", Kind::text},
        Row{"cri:cni/conf_template", "runtime:cni/conf_template", Kind::text},
        Row{"cri:cni/ip_pref", "runtime:cni/ip_pref", Kind::text},
        Row{"cri:cni/max_conf_num", "runtime:cni/max_conf_num", Kind::number},
        Row{"cri:cni/setup_serially", "runtime:cni/setup_serially", Kind::toggle, 7},
        Row{"cri:containerd/default_runtime/...", "", Kind::any, 0, "containerd.default_runtime_name"},
        Row{"cri:containerd/default_runtime_name", "runtime:containerd/default_runtime_name", Kind::text},
        Row{"cri:containerd/ignore_blockio_not_enabled_errors",
                "runtime:containerd/ignore_blockio_not_enabled_errors", Kind::toggle, 7},
        Row{"cri:containerd/ignore_rdt_not_enabled_errors",
                "runtime:containerd/ignore_rdt_not_enabled_errors", Kind::toggle},
        Row{"cri:containerd/no_pivot", "", Kind::toggle, 0, "options.NoPivotRoot of the runtime"},
        Row{"cri:containerd/runtimes/*/base_runtime_spec", "runtime:containerd/runtimes/*/base_runtime_spec",
                Kind::text},
        Row{"cri:containerd/runtimes/*/cni_conf_dir", "runtime:containerd/runtimes/*/cni_conf_dir",
                Kind::text},
        Row{"cri:containerd/runtimes/*/cni_max_conf_num", "runtime:containerd/runtimes/*/cni_max_conf_num",
                Kind::number},
        Row{"cri:containerd/runtimes/*/container_annotations",
                "runtime:containerd/runtimes/*/container_annotations", Kind::texts},
        Row{"cri:containerd/runtimes/*/options/BinaryName",
                "runtime:containerd/runtimes/*/options/BinaryName", Kind::text},
        Row{"cri:containerd/runtimes/*/options/SystemdCgroup",
                "runtime:containerd/runtimes/*/options/SystemdCgroup", Kind::toggle},
        Row{"cri:containerd/runtimes/*/options/...", "runtime:containerd/runtimes/*/options/..."},
        Row{"cri:containerd/runtimes/*/pod_annotations", "runtime:containerd/runtimes/*/pod_annotations",
                Kind::texts},
        Row{"cri:containerd/runtimes/*/privileged_without_host_devices",
                "runtime:containerd/runtimes/*/privileged_without_host_devices", Kind::toggle},
        Row{"cri:containerd/runtimes/*/privileged_without_host_devices_all_devices_allowed",
                "runtime:containerd/runtimes/*/privileged_without_host_devices_all_devices_allowed",
                Kind::toggle, 7},
        Row{"cri:containerd/runtimes/*/runtime_engine", "", Kind::text, 0,
                "options.BinaryName of the runtime"},
        Row{"cri:containerd/runtimes/*/runtime_path", "runtime:containerd/runtimes/*/runtime_path",
                Kind::text},
        Row{"cri:containerd/runtimes/*/runtime_root", "", Kind::text, 0, "options.Root of the runtime"},
        Row{"cri:containerd/runtimes/*/runtime_type", "runtime:containerd/runtimes/*/runtime_type",
                Kind::text},
        Row{"cri:containerd/runtimes/*/sandbox_mode", "runtime:containerd/runtimes/*/sandboxer", Kind::text,
                7},
        Row{"cri:containerd/runtimes/*/snapshotter", "runtime:containerd/runtimes/*/snapshotter", Kind::text,
                7},
        Row{"cri:containerd/untrusted_workload_runtime/...", "", Kind::any, 0, "a runtime named untrusted"},
        Row{"cri:device_ownership_from_security_context", "runtime:device_ownership_from_security_context",
                Kind::toggle},
        Row{"cri:disable_apparmor", "runtime:disable_apparmor", Kind::toggle},
        Row{"cri:disable_cgroup", "", Kind::toggle},
        Row{"cri:disable_hugetlb_controller", "runtime:disable_hugetlb_controller", Kind::toggle},
        Row{"cri:disable_proc_mount", "runtime:disable_proc_mount", Kind::toggle},
        Row{"cri:drain_exec_sync_io_timeout", "runtime:drain_exec_sync_io_timeout", Kind::text, 7},
        Row{"cri:enable_cdi", "runtime:enable_cdi", Kind::toggle, 7},
        Row{"cri:enable_selinux", "runtime:enable_selinux", Kind::toggle},
        Row{"cri:enable_unprivileged_icmp", "runtime:enable_unprivileged_icmp", Kind::toggle},
        Row{"cri:enable_unprivileged_ports", "runtime:enable_unprivileged_ports", Kind::toggle},
        Row{"cri:ignore_deprecation_warnings", "runtime:ignore_deprecation_warnings", Kind::texts, 7},
        Row{"cri:ignore_image_defined_volumes", "runtime:ignore_image_defined_volumes", Kind::toggle},
        Row{"cri:max_container_log_line_size", "runtime:max_container_log_line_size", Kind::number},
        Row{"cri:netns_mounts_under_state_dir", "runtime:netns_mounts_under_state_dir", Kind::toggle},
        Row{"cri:restrict_oom_score_adj", "runtime:restrict_oom_score_adj", Kind::toggle},
        Row{"cri:selinux_category_range", "runtime:selinux_category_range", Kind::number},
        Row{"cri:systemd_cgroup", "", Kind::toggle, 0, "options.SystemdCgroup of the runtime"},
        Row{"cri:tolerate_missing_hugetlb_controller", "runtime:tolerate_missing_hugetlb_controller",
                Kind::toggle},
        Row{"cri:unset_seccomp_profile", "runtime:unset_seccomp_profile", Kind::text},
        Row{"", "runtime:cni/bin_dirs", Kind::texts, 1},
        Row{"", "runtime:cni/use_internal_loopback", Kind::toggle},
        Row{"", "runtime:containerd/runtimes/*/cgroup_writable", Kind::toggle, 1},
        Row{"", "runtime:containerd/runtimes/*/io_type", Kind::text},

        // The server of streams has stayed.
        Row{"cri:disable_tcp_service", "=", Kind::toggle},
        Row{"cri:enable_tls_streaming", "=", Kind::toggle},
        Row{"cri:stream_idle_timeout", "=", Kind::text},
        Row{"cri:stream_server_address", "=", Kind::text},
        Row{"cri:stream_server_port", "=", Kind::text},
        Row{"cri:x509_key_pair_streaming/...", "="},

        // Other plugins.
        Row{"io.containerd.gc.v1.scheduler:...", "="},
        Row{"io.containerd.internal.v1.opt:...", "="},
        Row{"io.containerd.internal.v1.restart:...", "io.containerd.monitor.container.v1.restart:..."},
        Row{"io.containerd.internal.v1.tracing:...", "="},
        Row{"io.containerd.metadata.v1.bolt:...", "="},
        Row{"io.containerd.monitor.v1.cgroups:...", "io.containerd.monitor.task.v1.cgroups:..."},
        Row{"io.containerd.nri.v1.nri:...", "=", Kind::any, 7},
        Row{"io.containerd.runtime.v1.linux:...", "", Kind::any, 0, "runtime_type io.containerd.runc.v2"},
        Row{"io.containerd.runtime.v2.task:platforms", "=", Kind::texts},
        Row{"io.containerd.runtime.v2.task:sched_core", "", Kind::toggle, 0,
                "SCHED_CORE=true in env of io.containerd.shim.v1.manager"},
        Row{"io.containerd.service.v1.diff-service:...", "="},
        Row{"io.containerd.service.v1.tasks-service:...", "="},
        Row{"io.containerd.snapshotter.v1.aufs:...", "", Kind::any, 0, "the snapshotter overlayfs"},
        Row{"io.containerd.snapshotter.v1.blockfile:...", "=", Kind::any, 7},
        Row{"io.containerd.snapshotter.v1.btrfs:...", "="},
        Row{"io.containerd.snapshotter.v1.devmapper:...", "="},
        Row{"io.containerd.snapshotter.v1.native:...", "="},
        Row{"io.containerd.snapshotter.v1.overlayfs:...", "="},
        Row{"io.containerd.snapshotter.v1.zfs:...", "="},
        Row{"io.containerd.tracing.processor.v1.otlp:...", "="},
        Row{"io.containerd.transfer.v1.local:...", "=", Kind::any, 7},
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

bool starts_as(const Path& pattern, const Path& path, std::size_t length)
{
        for (std::size_t i = 0; i < length; ++i)
                if (pattern[i] != "*" && pattern[i] != path[i])
                        return false;
        return true;
}

std::optional<Found> find_row(const Path& path, Path Patterns::*side)
{
        for (const auto& entry : patterns())
                if (!(entry.*side).empty())
                        if (auto wild = match(entry.*side, path))
                                return Found{&entry, std::move(*wild)};
        return std::nullopt;
}

// What is wrong with the shape of a path that no row has: "must be a table" where others are known below it,
// or what a known setting above it must be, to which the path is cut.
std::string_view wrong_shape(Path& path)
{
        if (path.size() <= 2 && path.front() == "plugins")
                return "must be a table";
        for (const auto& entry : patterns())
                for (const auto* pattern : {&entry.two, &entry.three}) {
                        if (!starts_as(*pattern, path, std::min(pattern->size(), path.size())))
                                continue;
                        if (path.size() < pattern->size())
                                return "must be a table";
                        if (!pattern->empty()) {
                                path.resize(pattern->size());
                                return expected(entry.row->kind);
                        }
                }
        return {};
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

// False, and a problem, for a type that containerd does not start with. `row` is the setting's, if it is
// known.
bool is_right(const Layer& layer, const Row* row, Path path, const std::string& key, const Json& value,
        Problems& problems)
{
        const auto length = path.size();
        const auto wrong = row == nullptr           ? wrong_shape(path)
                           : fits(value, row->kind) ? std::string_view()
                                                    : expected(row->kind);
        if (wrong.empty())
                return true;
        const bool is_below = path.size() < length; // a table is there
        const auto named = is_below ? shown(path) : key;
        problems.add(fmt::format("{}: {}{}: {}", place_of(layer.marks, named, {layer.source}).text(), named,
                             is_below ? "" : " = " + shown_json(value), wrong),
                "Give it as containerd's documents do: containerd would not start with this");
        return false;
}

class Translator {
public:
        Translator(const Layer& layer, const Version& containerd, std::vector<Note>& notes, Marks* places)
                : layer_(&layer), containerd_(containerd), three_(schema_for(containerd) == 3),
                  notes_(&notes), places_(places), unknown_(layer, notes)
        {
        }

        Json run()
        {
                each_setting(*layer_, [&](const Path& path, const std::string& key, const Json& value) {
                        if (key != "version")
                                take(path, key, value);
                });
                problems_.throw_if_any(failure::config_invalid);
                if (places_ != nullptr)
                        for (const auto& [now, key] : origin_)
                                (*places_)[now] = where(key);
                return std::move(result_);
        }

private:
        static constexpr auto use_2 = "Remove what is named, or use containerd 2.x";

        void take(const Path& path, const std::string& key, const Json& value)
        {
                auto here = three_ ? &Patterns::three : &Patterns::two;
                auto there = three_ ? &Patterns::two : &Patterns::three;
                const auto found = find_row(path, here);
                const auto other = found ? std::nullopt : find_row(path, there);
                const auto* row = found ? found->patterns->row : other ? other->patterns->row : nullptr;
                if (!is_right(*layer_, row, path, key, value, problems_))
                        return;
                if (row != nullptr && is_taken_apart(*row, key, value))
                        return;
                if (other) {
                        move(*other, here, key, value);
                        return;
                }
                if (row != nullptr)
                        say_if_too_new(*row, key);
                else
                        unknown_.note(path);
                put(path, key, value);
        }

        // What one version takes in another form, or takes in a way that undoes what we set.
        bool is_taken_apart(const Row& row, const std::string& key, const Json& value)
        {
                if (row.two == "imports" && !three_ && !value.empty() &&
                        value != Json{"/etc/containerd/config.toml"}) { // itself: `containerd config dump`
                        problems_.add(where(key), key, "",
                                fmt::format("containerd {} puts the tables of such a file in the place of "
                                            "ours: runtimes and the sandbox image would be lost",
                                        containerd_.text()),
                                "Put the files into /etc/eks/containerd.d/, whose tables are merged");
                        return true;
                }
                // A list of directories where all before 2.1 have one.
                if (row.three != "runtime:cni/bin_dirs" || (three_ && !row.is_too_new_for(containerd_)))
                        return false;
                if (value.size() == 1)
                        put({"plugins", three_ ? plugin::runtime : plugin::cri, "cni", "bin_dir"}, key,
                                value.front());
                else
                        refuse(key, three_ ? "Name one directory, or use containerd 2.1 or later" : use_2);
                return true;
        }

        void move(const Found& found, Path Patterns::*side, const std::string& key, const Json& value)
        {
                const auto& to = found.patterns->*side;
                if (!to.empty()) {
                        say_if_too_new(*found.patterns->row, key);
                        put(fill(to, found.wild), key, value);
                        return;
                }
                if (!three_)
                        refuse(key, use_2);
                else if (!says_nothing(value))
                        notes_->push_back({Level::warning,
                                fmt::format("{}: {}: containerd {} has no such setting{}, ignoring",
                                        where(key).text(), key, containerd_.text(),
                                        found.patterns->row->hint.empty()
                                                ? ""
                                                : fmt::format(" (use {})", found.patterns->row->hint))});
        }

        void refuse(const std::string& key, const char* remedy)
        {
                problems_.add(where(key), key, "",
                        fmt::format(
                                "containerd {} has no such setting, and none like it", containerd_.text()),
                        remedy);
        }

        // `containerd config default` of 1.x has many of these; leaving them out changes nothing.
        static bool says_nothing(const Json& value)
        {
                return value == Json("") || value == false || value == 0 ||
                       (value.is_array() && value.empty());
        }

        // 1.6 passes over what only 1.7 reads, without a word; so does 2.0.
        void say_if_too_new(const Row& row, const std::string& key)
        {
                if (!row.is_too_new_for(containerd_))
                        return;
                if (const auto place = where(key); !place.source.empty())
                        notes_->push_back({Level::warning,
                                fmt::format("{}: {}: containerd {} does not read it, {}.{} and later do, "
                                            "proceeding",
                                        place.text(), key, containerd_.text(), containerd_.major,
                                        row.minor)});
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
        Marks* places_;
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

const Schema& schema_of(int version)
{
        using Pointer = Json::json_pointer;
        static const Schema two{2, Pointer("/plugins") / plugin::cri / "containerd",
                Pointer("/plugins") / plugin::cri / "enable_cdi", Pointer("/plugins") / plugin::cri / "cni",
                Pointer("/plugins") / plugin::cri / "registry", {"plugins", plugin::cri, "sandbox_image"},
                {"plugins", plugin::cri, "containerd", "snapshotter"}};
        static const Schema three{3, Pointer("/plugins") / plugin::runtime / "containerd",
                Pointer("/plugins") / plugin::runtime / "enable_cdi",
                Pointer("/plugins") / plugin::runtime / "cni",
                Pointer("/plugins") / plugin::images / "registry",
                {"plugins", plugin::images, "pinned_images", "sandbox"},
                {"plugins", plugin::images, "snapshotter"}};
        return version == 3 ? three : two;
}

int schema_for(const Version& containerd)
{
        return containerd.major >= 2 ? 3 : 2;
}

Layer parse_containerd_config(const std::string& text, const std::string& source)
{
        auto layer = TomlDocument::parse(text, source).layer(source);
        layer.problems.throw_if_any(failure::config_invalid);
        return layer;
}

Json translate(const Layer& layer, const Version& containerd, std::vector<Note>& notes, Marks* places)
{
        check_version(layer);
        return Translator(layer, containerd, notes, places).run();
}

void check_known(const Layer& layer, std::vector<Note>& notes)
{
        check_version(layer);
        Unknown unknown(layer, notes);
        Problems problems;
        each_setting(layer, [&](const Path& path, const std::string& key, const Json& value) {
                if (key == "version")
                        return;
                auto found = find_row(path, &Patterns::two);
                if (!found)
                        found = find_row(path, &Patterns::three);
                if (is_right(layer, found ? found->patterns->row : nullptr, path, key, value, problems) &&
                        !found)
                        unknown.note(path);
        });
        problems.throw_if_any(failure::config_invalid);
}

} // namespace eks
