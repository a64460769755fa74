// SPDX-License-Identifier: Apache-2.0
#include "containerd_config.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/schema.hpp"
#include "config/toml.hpp"
#include "node/ecr.hpp"
#include "schemas.hpp"

namespace eks {

namespace {

constexpr std::string_view vendor_directory = "/usr/share/eks/containerd";
constexpr std::string_view vendor_drop_ins = "/usr/lib/eks/containerd.d";
constexpr std::string_view admin_drop_ins = "/etc/eks/containerd.d";

using Pointer = Json::json_pointer;

// Where the two schemas keep what we set.
struct Schema {
        int version;
        Pointer cri_containerd; // has default_runtime_name and runtimes
        Pointer enable_cdi;
        Pointer cni;
        std::vector<std::string> sandbox_image;
        std::vector<std::string> snapshotter;
};

const Schema& schema_of(int version)
{
        static const Schema two{2, Pointer("/plugins") / plugin::cri / "containerd",
                Pointer("/plugins") / plugin::cri / "enable_cdi", Pointer("/plugins") / plugin::cri / "cni",
                {"plugins", plugin::cri, "sandbox_image"},
                {"plugins", plugin::cri, "containerd", "snapshotter"}};
        static const Schema three{3, Pointer("/plugins") / plugin::runtime / "containerd",
                Pointer("/plugins") / plugin::runtime / "enable_cdi",
                Pointer("/plugins") / plugin::runtime / "cni",
                {"plugins", plugin::images, "pinned_images", "sandbox"},
                {"plugins", plugin::images, "snapshotter"}};
        return version == 3 ? three : two;
}

Layer parse_config(const std::string& text, const std::string& source)
{
        auto layer = TomlDocument::parse(text, source).layer(source);
        layer.problems.throw_if_any(failure::config_invalid);
        return layer;
}

// EKS's own, for an image that carries none.
std::optional<std::string> pulled_pause_image(const NodeInputs& node)
{
        if (exists(node.root(pause_archive)))
                return std::nullopt;
        return eks_pause_image(node.root, require(node.facts.region, "region"));
}

// What the user gave, in order: drop-ins, then the node's configuration.
std::vector<NodeSpec::Sourced> user_texts(const NodeInputs& node)
{
        std::vector<NodeSpec::Sourced> texts;
        for (const auto& path :
                drop_ins(node.root, {std::string(vendor_drop_ins), std::string(admin_drop_ins)}, {".toml"}))
                texts.push_back({read_file(node.root(path), drop_in_limit), path});
        for (const auto& given : node.spec.containerd_configs)
                texts.push_back({given.text, fmt::format("containerd.config ({})", given.source)});
        return texts;
}

// Said before the daemon finds out: it would start, and no pod would.
void check_default(const Json& config, const Schema& schema, const RuntimeHandlers& handlers)
{
        const auto& containerd = config.at(schema.cri_containerd);
        const auto name = containerd.value("default_runtime_name", std::string());
        if (containerd.value("runtimes", Json::object()).contains(name))
                return;
        const auto known = std::ranges::find(handlers.all, name, &RuntimeHandler::name);
        throw Error(failure::runtime_invalid,
                fmt::format("default_runtime_name = {}: {}", shown_value(name),
                        known == handlers.all.end() ? "no such runtime is defined"
                                                    : "not available on this machine: " + known->reason),
                "Mend it in containerd.config or its drop-ins; `eksnode runtimes` lists those that are "
                "available");
}

std::string render_config(const NodeInputs& node, const RuntimeHandlers& handlers, std::vector<Note>& notes)
{
        const auto& schema = schema_of(schema_for(node.versions.containerd));
        const auto vendor_layer = [&](const std::string& name) {
                const auto path = fmt::format("{}/{}", vendor_directory, name);
                return in_vendor_file(path, [&] { return parse_config(read_file(node.root(path)), path); });
        };
        auto config = vendor_layer(fmt::format("config-{}.toml", schema.version)).tree;
        if (node.soci)
                deep_merge(config, translate(vendor_layer("soci.toml"), node.versions.containerd, notes));
        config[schema.enable_cdi] = node.versions.kubelet >= Version{1, 32, 0};
        deep_merge(config, translate({.source = "runtimes", .tree = containerd_settings(handlers)},
                                   node.versions.containerd, notes));
        if (const auto image = pulled_pause_image(node))
                config[Json::json_pointer("/" + join(schema.sandbox_image, "/"))] = *image;
        for (const auto& [text, source] : user_texts(node)) {
                const auto given = translate(parse_config(text, source), node.versions.containerd, notes);
                // bin_dir stands for a list of one, and containerd 2.2 wants only one of the two.
                if (given.contains(schema.cni / "bin_dirs"))
                        config[schema.cni].erase("bin_dir");
                deep_merge(config, given);
        }
        check_default(config, schema, handlers);
        return TomlDocument::from_tree(config).text();
}

std::string render_base_runtime_spec(const NodeInputs& node)
{
        const auto path = fmt::format("{}/base-runtime-spec.json", vendor_directory);
        auto spec = in_vendor_file(path, [&] { return Json::parse(read_file(node.root(path))); });
        spec.merge_patch(node.spec.base_runtime_spec); // RFC 7386: null removes
        return spec.dump(2) + "\n";
}

// The daemon of its own that unpacks images.
File soci_config(const NodeInputs& node)
{
        if (!node.soci)
                return {.path = std::string(soci_config_path), .content = {}, .kind = File::Kind::absent};
        const auto path = fmt::format("{}/soci-snapshotter.toml", vendor_directory);
        auto config =
                in_vendor_file(path, [&] { return parse_config(read_file(node.root(path)), path).tree; });
        if (const Pointer parallel("/pull_modes/parallel_pull_unpack"); config.contains(parallel)) {
                auto streams = config[parallel].value("decompress_streams", Json::object());
                std::erase_if(streams.get_ref<Json::object_t&>(), [&](const auto& stream) {
                        return !exists(node.root(stream.second.value("path", std::string())));
                });
                config[parallel].erase("decompress_streams");
                if (!streams.empty())
                        config[parallel]["decompress_streams"] = streams;
        }
        return {.path = std::string(soci_config_path), .content = TomlDocument::from_tree(config).text()};
}

// A handler's own files; those of handlers that are left out go.
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

// What a config.toml of either schema says there; "" if nothing.
std::string string_in(
        const std::string& text, const std::string& source, std::vector<std::string> Schema::*path)
{
        const auto config = TomlDocument::parse(text, source);
        for (const int version : {3, 2})
                if (const auto value = config.string_at(schema_of(version).*path))
                        return *value;
        return {};
}

// The same of the user's TOML, the last to say it.
std::string last_given(const NodeInputs& node, std::vector<std::string> Schema::*path)
{
        const auto texts = user_texts(node);
        for (auto given = texts.rbegin(); given != texts.rend(); ++given) {
                const bool perhaps = std::ranges::any_of(std::array{2, 3}, [&](int version) {
                        return given->text.find((schema_of(version).*path).back()) != std::string::npos;
                });
                if (!perhaps)
                        continue; // parsing takes longer than all else here
                if (auto value = string_in(given->text, given->source, path); !value.empty())
                        return value;
        }
        return {};
}

} // namespace

StepPlan plan_containerd_config(const NodeInputs& node)
{
        const auto handlers = runtime_handlers(node.root, node.spec.runtimes);
        StepPlan plan;
        plan.files = {{.path = std::string(containerd_config_path),
                              .content = render_config(node, handlers, plan.notes)},
                {.path = "/etc/containerd/base-runtime-spec.json",
                        .content = render_base_runtime_spec(node)},
                soci_config(node)};
        add_runtime_files(handlers, plan.files);
        for (const auto& handler : handlers.all)
                if (handler.surprise)
                        plan.notes.push_back(
                                {Level::info, fmt::format("runtime {} ({}) is left out: {}", handler.name,
                                                      handler.place.text(), handler.reason)});
        return plan;
}

void check_user_configs(const NodeSpec& spec, std::vector<Note>& notes)
{
        for (const auto& given : spec.containerd_configs)
                check_known(parse_config(given.text, fmt::format("containerd.config ({})", given.source)),
                        notes);
        check_runtime_settings(spec.runtimes);
}

std::string sandbox_image_in(const std::string& config_toml, const std::string& source)
{
        return string_in(config_toml, source, &Schema::sandbox_image);
}

std::string snapshotter_in(const std::string& config_toml, const std::string& source)
{
        return string_in(config_toml, source, &Schema::snapshotter);
}

std::string user_snapshotter(const NodeInputs& node)
{
        return last_given(node, &Schema::snapshotter);
}

std::string sandbox_image(const NodeInputs& node)
{
        if (auto image = last_given(node, &Schema::sandbox_image); !image.empty())
                return image;
        if (const auto image = pulled_pause_image(node))
                return *image;
        const auto path =
                fmt::format("{}/config-{}.toml", vendor_directory, schema_for(node.versions.containerd));
        return sandbox_image_in(read_file(node.root(path)), path);
}

bool is_local_image(std::string_view image)
{
        return image.starts_with("localhost/");
}

bool is_node_s_image(std::string_view image)
{
        return is_local_image(image) || parse_ecr_host(image.substr(0, image.find('/')));
}

} // namespace eks
