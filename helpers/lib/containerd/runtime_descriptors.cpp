// SPDX-License-Identifier: Apache-2.0
#include "containerd/runtime_descriptors.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "document/reader.hpp"
#include "document/toml.hpp"
#include "node/version.hpp"

namespace eks {

namespace {

constexpr std::string_view admin_directory = "/etc/eks/runtimes.d";
constexpr std::string_view runc_shim = "io.containerd.runc.v2";
constexpr std::string_view files_directory = "/etc/containerd/"; // what eks-containerd-config may write

// Sorted; "map" and "text_map" have arbitrary names.
constexpr std::array keys{
        KnownKey{"about", Shape::text},
        KnownKey{"base_runtime_spec", Shape::text},
        KnownKey{"binary", Shape::text_or_list},
        KnownKey{"class", Shape::text},
        KnownKey{"cni_conf_dir", Shape::text},
        KnownKey{"container_annotations", Shape::list},
        KnownKey{"default", Shape::toggle},
        KnownKey{"docker.arguments", Shape::list},
        KnownKey{"docker.binary", Shape::text_or_list},
        KnownKey{"docker.triggers", Shape::text_map},
        KnownKey{"files", Shape::text_map},
        KnownKey{"kind", Shape::text, "runc-compatible|shim"},
        KnownKey{"name", Shape::text},
        KnownKey{"options", Shape::map},
        KnownKey{"pod_annotations", Shape::list},
        KnownKey{"privileged_without_host_devices", Shape::toggle},
        KnownKey{"render", Shape::text, "auto|always|never"},
        KnownKey{"requires.architectures", Shape::list},
        KnownKey{"requires.binaries", Shape::list},
        KnownKey{"requires.cpu_flags", Shape::list},
        KnownKey{"requires.devices", Shape::list},
        KnownKey{"requires.kernel", Shape::text},
        KnownKey{"requires.modules", Shape::list},
        KnownKey{"requires.pci_vendors", Shape::list},
        KnownKey{"runtime_path", Shape::text},
        KnownKey{"runtime_type", Shape::text},
        KnownKey{"runtimeclass.node_selector", Shape::text_map},
        KnownKey{"runtimeclass.overhead", Shape::text_map},
        KnownKey{"runtimeclass.tolerations", Shape::text_maps},
        KnownKey{"sandboxer", Shape::text},
        KnownKey{"snapshotter", Shape::text},
        KnownKey{"systemd_cgroup", Shape::toggle},
};

// All errors of one descriptor.
class Checker {
public:
        Checker(const Layer& layer, std::string prefix) : layer_(&layer), prefix_(std::move(prefix)) {}

        void check(Json tree)
        {
                keep_known(tree, {.keys = keys,
                                         .unknown =
                                                 [&](const auto& key) {
                                                         problem(key, "", "unknown key" + hint(key));
                                                 },
                                         .wrong =
                                                 [&](const auto& key, const auto& value, const auto& what) {
                                                         problem(key, value_text(value), what);
                                                 }});
                throw_if_any();
        }

        void problem(const std::string& key, const std::string& value, std::string_view wrong)
        {
                const auto shown = prefix_.empty() ? key : prefix_ + "." + key;
                problems_.add(nearest_place(layer_->marks, shown, {layer_->source}), shown, value, wrong,
                        "See eks-runtime(5)");
        }

        void throw_if_any() const { problems_.throw_if_any(failure::runtime_invalid); }

private:
        static std::string hint(const std::string& key)
        {
                std::vector<std::string> names;
                for (const auto& known : keys)
                        names.emplace_back(known.path);
                return did_you_mean(key, names);
        }

        const Layer* layer_;
        std::string prefix_; // of the keys: "containerd.runtimes.krun"
        Problems problems_;
};

struct Draft {
        Json tree;
        Where place;
        Layer layer;        // for the lines of messages
        std::string prefix; // of its keys there
        bool vendor = false;
};

using Drafts = std::map<std::string, Draft>;

std::string stem(const std::string& path)
{
        const auto name = path.substr(path.rfind('/') + 1);
        return name.substr(0, name.rfind('.'));
}

// The descriptors of one directory. `paths` are those that are not masked by another directory.
Drafts read_directory(const Root& root, const std::vector<std::string>& paths, std::string_view directory)
{
        Drafts drafts;
        for (const auto& path : paths) {
                if (!path.starts_with(directory))
                        continue;

                auto layer = TomlDocument::parse(read_file(root(path), drop_in_limit), path).layer(path);
                layer.problems.throw_if_any(failure::runtime_invalid);
                Checker(layer, "").check(layer.tree);
                auto tree = layer.tree;
                const auto name = tree.value("name", stem(path));
                tree["name"] = name;

                const auto place = place_of(layer.marks, "name", {path});
                const auto [known, is_new] = drafts.emplace(name,
                        Draft{tree, place, std::move(layer), "", directory == runtimes_vendor_directory});
                if (!is_new && known->second.tree != tree)
                        throw Error(failure::runtime_invalid,
                                fmt::format(
                                        "{}: the runtime handler '{}' is described in {} too, and not the "
                                        "same",
                                        place.text(), name, known->second.place.text()),
                                "Give one of the two another name, or remove it");
        }

        return drafts;
}

// Checks for the keys that its kind requires.
void check_kind(const Json& tree, Checker& checker)
{
        if (tree.at("kind") == "runc-compatible") {
                if (!tree.contains("binary"))
                        checker.problem("binary", "", "is missing");
        } else if (!tree.contains("runtime_type")) {
                checker.problem("runtime_type", "", "is missing");
        } else if (tree.contains("systemd_cgroup")) {
                checker.problem("systemd_cgroup", "", "is for a runc-compatible runtime only");
        }
}

// Checks of its values, after those of their types.
void check_values(const Json& tree, Checker& checker)
{
        const auto name = tree.at("name").get<std::string>();
        if (!is_dns_label(name))
                checker.problem("name", name, "must be a lower-case DNS label: a-z, 0-9 and -, at most 63");

        const auto files = tree.value("files", Json::object());
        for (const auto& [path, content] : files.items())
                if (!path.starts_with(files_directory) || path.ends_with('/') ||
                        path.find("/..") != std::string::npos || has_control_characters(path) ||
                        path.starts_with("/etc/containerd/certs.d/") ||
                        path == "/etc/containerd/config.toml" ||
                        path == "/etc/containerd/base-runtime-spec.json")
                        checker.problem("files." + key_path("", path), "",
                                fmt::format("must be a file of its own below {}", files_directory));
        const auto docker = tree.value("docker", Json::object());
        const auto check_paths = [&](const char* key, const std::vector<std::string>& paths) {
                for (const auto& path : paths)
                        if (!is_absolute_path(path))
                                checker.problem(key, path, "must be an absolute path");
        };

        check_paths("binary", paths_of(tree.value("binary", Json::array())));
        check_paths("runtime_path", paths_of(tree.value("runtime_path", Json::array())));
        check_paths("docker.binary", paths_of(docker.value("binary", Json::array())));

        for (const auto& [trigger, path] : docker.value("triggers", std::map<std::string, std::string>()))
                check_paths("docker.triggers", {path});

        if (const auto kernel = tree.value("requires", Json::object()).value("kernel", std::string());
                !kernel.empty() && !find_version(kernel))
                checker.problem("requires.kernel", kernel, "must be a version such as 5.10");
}

// Adds our defaults, and checks the descriptor after its types.
Json complete(const Draft& draft)
{
        auto tree = draft.tree;
        const auto fill = [&](const char* key, const Json& value) {
                if (!tree.contains(key))
                        tree[key] = value;
        };

        fill("about", "");
        fill("class", tree.at("name"));
        fill("kind", "runc-compatible");
        fill("render", "auto");
        fill("default", false);
        fill("requires", Json::object());

        if (tree["kind"] == "runc-compatible") {
                fill("runtime_type", runc_shim);
                fill("systemd_cgroup", true);
        }

        Checker checker(draft.layer, draft.prefix);
        check_kind(tree, checker);
        check_values(tree, checker);
        checker.throw_if_any();

        return tree;
}

constexpr auto parent_key = "containerd.runtimes";

Where place_of_settings(const RuntimeSettings& settings, const std::string& key)
{
        return nearest_place(settings.descriptors.marks, key, {"configuration"});
}

// Pods without a RuntimeClass run with it, so a note names another program for it.
void note_other_runc(
        const Json& given, const Draft& known, const RuntimeSettings& settings, std::vector<Note>& notes)
{
        for (const auto* key : {"binary", "runtime_path", "runtime_type"}) {
                if (!given.contains(key))
                        continue;

                const auto before = paths_of(known.tree.value(key, Json::array()));
                const auto now = paths_of(given[key]);
                if (std::ranges::all_of(now, [&](const auto& path) {
                            return std::ranges::find(before, path) != before.end();
                    }))
                        continue;

                const auto shown = fmt::format("{}.runc.{}", parent_key, key);
                notes.push_back({Level::warning,
                        fmt::format("{}: {} = {}: replaces the program of the runtime runc ({}), proceeding",
                                place_of_settings(settings, shown).text(), shown, shown_json(given[key]),
                                known.place.text())});
        }
}

void check_shape(const std::string& name, const Json& given, const RuntimeSettings& settings)
{
        const auto prefix = key_path(parent_key, name);
        if (!given.is_object())
                throw Error(failure::runtime_invalid,
                        fmt::format(
                                "{}: {}: must be a map", place_of_settings(settings, prefix).text(), prefix),
                        "See eks-runtime(5)");

        Checker(settings.descriptors, prefix).check(given);
}

void add_settings(Drafts& drafts, const RuntimeSettings& settings, std::vector<Note>& notes)
{
        for (const auto& [name, given] : settings.descriptors.tree.items()) {
                check_shape(name, given, settings);
                if (const auto known = drafts.find(name); known != drafts.end() && name == "runc")
                        note_other_runc(given, known->second, settings, notes);
                auto& draft = drafts[name];
                deep_merge(draft.tree, given);
                draft.tree["name"] = name;
                draft.layer = settings.descriptors;
                draft.prefix = key_path(parent_key, name);
                draft.place = place_of_settings(settings, draft.prefix);
                draft.vendor = false;
        }
}

} // namespace

void check_runtime_settings(const RuntimeSettings& settings)
{
        for (const auto& [name, given] : settings.descriptors.tree.items()) {
                check_shape(name, given, settings);
                auto tree = given;
                tree["name"] = name;
                Checker checker(settings.descriptors, key_path(parent_key, name));
                check_values(tree, checker);

                // Without a kind it may be merged over a file of the node, which has the missing keys.
                if (given.contains("kind"))
                        check_kind(tree, checker);
                checker.throw_if_any();
        }
}

RuntimeDescriptors runtime_descriptors(
        const Root& root, const RuntimeSettings& settings, std::vector<Note>& notes)
{
        const auto paths = drop_ins(root,
                {std::string(runtimes_vendor_directory), std::string(admin_directory)}, {".toml"}, &notes);
        auto drafts = read_directory(root, paths, admin_directory);
        drafts.merge(read_directory(root, paths, runtimes_vendor_directory)); // keeps the present value
        add_settings(drafts, settings, notes);

        RuntimeDescriptors descriptors;
        for (const auto& [name, draft] : drafts)
                descriptors.emplace(name, RuntimeDescriptor{complete(draft), draft.place, draft.vendor});

        return descriptors;
}

std::vector<std::string> paths_of(const Json& value)
{
        return value.is_string() ? std::vector<std::string>{value} : value.get<std::vector<std::string>>();
}

} // namespace eks
