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
        Pointer registry;
        std::vector<std::string> sandbox_image;
        std::vector<std::string> snapshotter;
};

const Schema& schema_of(int version)
{
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

// As the marks of a layer name it.
std::string key_of(Pointer path)
{
        if (path.empty())
                return {};
        const auto name = path.back();
        path.pop_back();
        return key_path(key_of(std::move(path)), name);
}

// Where it was given, or else the first setting below it.
std::optional<Where> place_in(const Marks& given, const Pointer& path)
{
        const auto key = key_of(path);
        if (const auto mark = given.find(key); mark != given.end())
                return mark->second;
        const auto below = given.lower_bound(key + ".");
        if (below == given.end() || !below->first.starts_with(key + "."))
                return std::nullopt;
        return below->second;
}

// Which program runs the containers of a handler.
const std::array<Pointer, 3>& program_keys()
{
        static const std::array keys{
                Pointer("/runtime_type"), Pointer("/runtime_path"), Pointer("/options/BinaryName")};
        return keys;
}

// The settings of the handlers of descriptors. Our own are left without a source: an old daemon that does
// not read one of their keys is no one's mistake.
Layer described_handlers(const RuntimeHandlers& handlers)
{
        Layer layer{.tree = containerd_settings(handlers)};
        const auto parent = schema_of(3).cri_containerd / "runtimes";
        const auto& runtimes = layer.tree.at(parent);
        for (const auto& handler : handlers.all)
                if (handler.rendered && !handler.vendor)
                        for (const auto& [key, value] : runtimes.at(handler.name).items())
                                layer.marks[key_of(parent / handler.name / key)] = handler.place;
        return layer;
}

bool is_containerd_there(const Root& root)
{
        return exists(root("/usr/bin/containerd")) || exists(root("/usr/local/bin/containerd"));
}

// The user's TOML, layer by layer, over what we have.
class UserSettings {
public:
        UserSettings(Json& config, const Schema& schema, const RuntimeHandlers& handlers,
                const Json& described, std::vector<Note>& notes)
                : config_(&config), schema_(&schema), handlers_(&handlers),
                  described_(&described.at(schema_of(3).cri_containerd / "runtimes")), notes_(&notes)
        {
        }

        void add(const Json& given, const Marks& places)
        {
                check_programs(given, places);
                drop_other_cni_key(given, places);
                deep_merge(*config_, given);
                for (const auto& [key, where] : places)
                        places_[key] = where;
        }

        // Said before the daemon finds out: it would start, and no pod would.
        void check_default(const Root& root) const
        {
                const auto& containerd = config_->at(schema_->cri_containerd);
                const auto& runtimes = containerd.at("runtimes");
                const auto name = containerd.value("default_runtime_name", std::string());
                const auto place = place_in(places_, schema_->cri_containerd / "default_runtime_name");
                const auto known = std::ranges::find(handlers_->all, name, &RuntimeHandler::name);
                if (!runtimes.contains(name))
                        refuse_default(place, name,
                                known == handlers_->all.end()
                                        ? "no such runtime is defined"
                                        : "not available on this machine: " + known->reason);
                const auto missing = missing_program_of(root, runtimes.at(name));
                if (!missing)
                        return;
                // What a descriptor names was looked up before: it is there, or someone forced it.
                for (const auto& key : program_keys())
                        if (!is_described(name, key, runtimes.at(name)))
                                refuse_default(place ? place : place_in(places_, handler(name) / key), name,
                                        "its program is missing: " + *missing);
                if (is_containerd_there(root))
                        notes_->push_back({Level::warning,
                                fmt::format(
                                        "runtime {} ({}) is the default, and its program is missing: {}, "
                                        "proceeding",
                                        name, known->place.text(), *missing)});
        }

        // containerd starts with both, but without CRI.
        void check_registry() const
        {
                const auto registry = config_->value(schema_->registry, Json::object());
                if (registry.value("config_path", std::string()).empty())
                        return;
                Problems problems;
                const auto refuse = [&](const Pointer& path, const std::string& key) {
                        problems.add(place_in(places_, path).value_or(Where{std::string(vendor_directory)}),
                                key, "",
                                "containerd does not load CRI with this and registry.config_path, which is "
                                "set",
                                "Use registry.mirrors of eks-node.toml(5), or hosts.toml files below "
                                "/etc/containerd/certs.d; config_path = \"\" makes the old form count "
                                "instead");
                };
                if (registry.contains("mirrors"))
                        refuse(schema_->registry / "mirrors", "registry.mirrors");
                const auto configs = registry.value("configs", Json::object());
                for (const auto& [host, settings] : configs.items())
                        if (settings.contains("tls"))
                                refuse(((schema_->registry / "configs") / host) / "tls",
                                        key_path("registry.configs", host) + ".tls");
                problems.throw_if_any(failure::config_invalid);
        }

private:
        Pointer handler(const std::string& name) const
        {
                return (schema_->cri_containerd / "runtimes") / name;
        }

        // True if a descriptor gives the handler that value, or the handler has none.
        bool is_described(const std::string& name, const Pointer& key, const Json& table) const
        {
                const auto ours = described_->find(name);
                return !table.contains(key) ||
                       (ours != described_->end() && Json(ours->value(key, std::string())) == table.at(key));
        }

        [[noreturn]] static void refuse_default(
                const std::optional<Where>& where, const std::string& name, const std::string& wrong)
        {
                throw Error(failure::runtime_invalid,
                        fmt::format("{}: default_runtime_name = {}: {}",
                                where.value_or(Where{"configuration"}).text(), shown_value(name), wrong),
                        "Mend it in containerd.config or its drop-ins; `eksnode runtimes` lists those that "
                        "are available");
        }

        // Two layers with two programs for one handler: nobody can tell which is meant. A descriptor's may
        // be replaced, as by all who write about runc's or nvidia's, but not unsaid.
        void check_programs(const Json& given, const Marks& places)
        {
                const auto parent = schema_->cri_containerd / "runtimes";
                if (!given.contains(parent))
                        return;
                for (const auto& [name, table] : given.at(parent).items())
                        for (const auto& key : program_keys()) {
                                if (table.value(key, std::string()).empty())
                                        continue; // as if it were not there
                                const auto where = place_in(places, handler(name) / key).value_or(Where{});
                                check_program(name, key, table.at(key), where);
                        }
        }

        void check_program(
                const std::string& name, const Pointer& key, const Json& value, const Where& where)
        {
                const auto said = fmt::format("{}: {} = {}", where.text(),
                        key_of((Pointer("/runtimes") / name) / key), shown_json(value));
                if (const auto ours = described_->find(name); ours != described_->end()) {
                        const auto known = std::ranges::find(handlers_->all, name, &RuntimeHandler::name);
                        if (Json(ours->value(key, std::string())) != value)
                                notes_->push_back({Level::warning,
                                        fmt::format("{}: replaces the program of the runtime {} ({}), "
                                                    "proceeding",
                                                said, name, known->place.text())});
                        return;
                }
                const auto [before, is_new] =
                        programs_.emplace(key_of((Pointer() / name) / key), std::pair(value, where));
                const auto& [first, first_place] = before->second;
                if (!is_new && first != value)
                        throw Error(failure::runtime_invalid,
                                fmt::format(
                                        "{}: it is {} in {}", said, shown_json(first), first_place.text()),
                                "Give one of the two handlers another name, or remove it");
        }

        // bin_dir stands for a list of one, and containerd 2.1 and later want only one of the two.
        void drop_other_cni_key(const Json& given, const Marks& places)
        {
                const auto one = schema_->cni / "bin_dir";
                const auto list = schema_->cni / "bin_dirs";
                const bool has_one = given.contains(one);
                const bool has_list = given.contains(list);
                if (has_one && has_list)
                        throw Error(failure::config_invalid,
                                fmt::format("{}: cni.bin_dirs: bin_dir ({}) is given too, and containerd "
                                            "takes only one of the two",
                                        place_in(places, list).value_or(Where{}).text(),
                                        place_in(places, one).value_or(Where{}).text()),
                                "Name all directories in bin_dirs");
                if ((has_one || has_list) && config_->contains(schema_->cni))
                        config_->at(schema_->cni).erase(has_one ? "bin_dirs" : "bin_dir");
        }

        Json* config_;
        const Schema* schema_;
        const RuntimeHandlers* handlers_;
        const Json* described_;
        std::vector<Note>* notes_;
        Marks places_; // of all that the user gave, the last to say it
        std::map<std::string, std::pair<Json, Where>> programs_;
};

std::string render_config(const NodeInputs& node, const RuntimeHandlers& handlers, std::vector<Note>& notes)
{
        const auto& daemon = node.versions.containerd;
        const auto& schema = schema_of(schema_for(daemon));
        const auto vendor_layer = [&](const std::string& name) {
                const auto path = fmt::format("{}/{}", vendor_directory, name);
                return in_vendor_file(path, [&] { return parse_config(read_file(node.root(path)), path); });
        };
        auto config = vendor_layer(fmt::format("config-{}.toml", schema.version)).tree;
        if (node.soci)
                deep_merge(config, translate(vendor_layer("soci.toml"), daemon, notes));
        config[schema.enable_cdi] = node.versions.kubelet >= Version{1, 32, 0};
        const auto described = described_handlers(handlers);
        deep_merge(config, translate(described, daemon, notes));
        if (const auto image = pulled_pause_image(node))
                config[Json::json_pointer("/" + join(schema.sandbox_image, "/"))] = *image;
        UserSettings user(config, schema, handlers, described.tree, notes);
        for (const auto& [text, source] : user_texts(node)) {
                Marks places;
                user.add(translate(parse_config(text, source), daemon, notes, &places), places);
        }
        user.check_default(node.root);
        user.check_registry();
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
        plan.notes = handlers.notes;
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
