// SPDX-License-Identifier: Apache-2.0
#include "steps/containerd-config/containerd_config.hpp"

#include <map>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "containerd/config_versions.hpp"
#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "containerd/snapshotter.hpp"
#include "containerd/user_settings.hpp"
#include "document/toml.hpp"
#include "node/version_notes.hpp"

namespace eks {

namespace {

// containerd 2.2 has deprecated enable_cdi, which is on by default there; 2.4 does not know it.
constexpr Version cdi_is_always_on{2, 2, 0};

// The settings of the handlers of descriptors. Our own have no source: if an old daemon does not read one of
// their keys, that is not an error of the user.
Layer described_handlers(const RuntimeHandlers& handlers)
{
        Layer layer{.tree = containerd_settings(handlers)};
        const auto parent = schema_of(3).cri_containerd / "runtimes";
        const auto& runtimes = layer.tree.at(parent);
        for (const auto& handler : handlers.all)
                if (handler.rendered && !handler.vendor)
                        for (const auto& [key, value] : runtimes.at(handler.name).items())
                                layer.marks[key_path(parent / handler.name / key)] = handler.place;

        return layer;
}

std::string render_config(const NodeInputs& node, RuntimeHandlers& handlers, std::vector<Note>& notes)
{
        const auto& daemon = node.versions.containerd;
        const auto& schema = schema_of(schema_for(daemon));
        const auto vendor_settings = [&](const std::string& name) {
                const auto path = fmt::format("{}/{}", containerd_vendor_directory, name);
                return in_vendor_file(path, [&] {
                        const auto layer = parse_containerd_config(read_file(node.root(path)), path);
                        return translate({.tree = layer.tree}, daemon, notes);
                });
        };

        auto config = vendor_settings(fmt::format("config-{}.toml", schema.version));
        config["version"] = schema.version;

        if (node.decided.soci)
                deep_merge(config, vendor_settings("soci.toml"));
        if (daemon < cdi_is_always_on)
                config[schema.enable_cdi] = node.versions.kubelet >= Version{1, 32, 0};
        const auto described = described_handlers(handlers);
        deep_merge(config, translate(described, daemon, notes));

        if (const auto image = pulled_pause_image(node))
                config[Json::json_pointer("/" + join(schema.sandbox_image, "/"))] = *image;
        merge_user_settings(config, described.tree, node, handlers, notes);

        return TomlDocument::from_tree(config).text();
}

std::string render_base_runtime_spec(const NodeInputs& node)
{
        const auto path = fmt::format("{}/base-runtime-spec.json", containerd_vendor_directory);
        auto spec = in_vendor_file(path, [&] { return parse_json(read_file(node.root(path))); });
        spec.merge_patch(node.spec.containerd.base_runtime_spec); // RFC 7386: null removes

        // A type may be in the list only once.
        for (const auto& limit : node.spec.containerd.limits) {
                auto& present = spec["process"]["rlimits"];
                if (!present.is_array())
                        present = Json::array();
                std::erase_if(present.get_ref<Json::array_t&>(), [&](const Json& one) {
                        return one.is_object() && one.value("type", Json()) == limit.at("type");
                });

                present.push_back(limit);
        }

        return spec.dump(2) + "\n";
}

// The separate daemon that unpacks images.
File soci_config(const NodeInputs& node)
{
        if (!node.decided.soci)
                return {.path = std::string(soci_config_path), .content = {}, .kind = File::Kind::absent};

        const auto path = fmt::format("{}/soci-snapshotter.toml", containerd_vendor_directory);
        const auto config = in_vendor_file(path, [&] {
                auto tree = parse_containerd_config(read_file(node.root(path)), path).tree;
                if (const Json::json_pointer parallel("/pull_modes/parallel_pull_unpack");
                        tree.contains(parallel)) {
                        auto streams = tree[parallel].value("decompress_streams", Json::object());
                        std::erase_if(streams.get_ref<Json::object_t&>(), [&](const auto& stream) {
                                return !exists(node.root(stream.second.value("path", std::string())));
                        });
                        tree[parallel].erase("decompress_streams");
                        if (!streams.empty())
                                tree[parallel]["decompress_streams"] = streams;
                }

                return tree;
        });

        return {.path = std::string(soci_config_path), .content = TomlDocument::from_tree(config).text()};
}

// The files of each handler; those of handlers that are left out are removed.
void add_runtime_files(const RuntimeHandlers& handlers, std::vector<File>& files)
{
        std::map<std::string, File> by_path;
        for (const auto& handler : handlers.all)
                for (const auto& [path, content] : runtime_files(handler)) {
                        const File file{.path = path,
                                .content = handler.rendered ? content : "",
                                .kind = handler.rendered ? File::Kind::regular : File::Kind::absent};
                        const auto [known, is_new] = by_path.emplace(path, file);

                        if (is_new || !handler.rendered)
                                continue;
                        if (known->second.kind == File::Kind::regular && known->second.content != content)
                                throw Error(failure::runtime_invalid,
                                        fmt::format("{}: '{}' is a file of another runtime too, and not the "
                                                    "same",
                                                handler.place.text(), path),
                                        "Give it another name in one of the two");

                        known->second = file;
                }

        for (auto& [path, file] : by_path)
                files.push_back(std::move(file));
}

} // namespace

StepPlan plan_containerd_config(const NodeInputs& node)
{
        auto handlers = runtime_handlers(node.root, node.spec.containerd.runtimes);
        StepPlan plan;
        plan.notes = handlers.notes;

        if (const auto& daemon = node.versions.containerd;
                Version{daemon.major, daemon.minor, 0} > newest_containerd)
                plan.notes.push_back(newer_version_note("containerd", daemon, newest_containerd));

        // A user's text may hold the login of a registry.
        const mode_t mode = user_texts(node).empty() ? 0644 : 0600;
        plan.files = {{.path = std::string(containerd_config_path),
                              .content = render_config(node, handlers, plan.notes),
                              .mode = mode},
                {.path = "/etc/containerd/base-runtime-spec.json",
                        .content = render_base_runtime_spec(node),
                        .mode = mode_t(holds_secret(node.spec.containerd.base_runtime_spec) ? 0600 : 0644)},
                soci_config(node)};
        add_runtime_files(handlers, plan.files);

        plan.decisions.push_back(fmt::format("the configuration has version {}: containerd is {}",
                schema_for(node.versions.containerd), node.versions.containerd.text()));

        for (const auto& handler : handlers.all)
                plan.decisions.push_back(fmt::format("runtime {} ({}) is {}: {}", handler.name,
                        handler.place.text(), handler.rendered ? "written" : "left out", handler.reason));

        for (const auto& text : user_texts(node))
                plan.decisions.push_back(fmt::format("merged with {}", text.source));

        for (const auto& handler : handlers.all)
                if (handler.surprise)
                        plan.notes.push_back(
                                {Level::info, fmt::format("runtime {} ({}) is left out: {}", handler.name,
                                                      handler.place.text(), handler.reason)});

        return plan;
}

Access containerd_config_access()
{
        Access access{.reads = {"/etc/eks", "/proc/cpuinfo", "/proc/sys", "/run/eks", "/sys/bus/pci",
                              "/sys/devices", "/usr/lib/eks", "/usr/share/eks"},
                .writes = {"/etc/containerd", "/var/lib/eks"}};

        // Directories in this list are created, and most machines do not need this one.
        if (exists(std::string(soci_program)) || exists("/etc/soci-snapshotter-grpc"))
                access.writes.push_back("/etc/soci-snapshotter-grpc");
        return access;
}

} // namespace eks
