// SPDX-License-Identifier: Apache-2.0
#include "config/sources.hpp"

#include <algorithm>
#include <array>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/command_line.hpp"
#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "config/command_layer.hpp"
#include "config/known_keys.hpp"
#include "config/node_config.hpp"
#include "config/profile.hpp"

namespace eks {

namespace {

constexpr std::string_view admin_file = "/etc/eks/node.toml";
constexpr std::string_view vendor_drop_ins = "/usr/lib/eks/node.d";
constexpr std::string_view admin_drop_ins = "/etc/eks/node.d";
constexpr std::string_view nodeadm_drop_ins = "/etc/eks/nodeadm.d";
constexpr std::string_view command_line_source = "kernel command line";

const std::vector<std::string> toml_suffix{".toml"};
const std::vector<std::string> node_config_suffixes{".yaml", ".yml", ".json"};
const std::vector<std::string> all_suffixes{".toml", ".yaml", ".yml", ".json"};

bool ends_in(std::string_view name, const std::vector<std::string>& suffixes)
{
        return std::ranges::any_of(
                suffixes, [&](const std::string& suffix) { return name.ends_with(suffix); });
}

Layer parse_file(const std::string& text, const std::string& source)
{
        if (ends_in(source, toml_suffix))
                return parse_node_toml(text, source);
        if (ends_in(source, node_config_suffixes))
                return parse_node_config(text, source);

        throw Error(failure::usage,
                fmt::format("'{}' is neither *.toml nor *.yaml, *.yml or *.json", source),
                "Name the file after its format, or give raw user data as user-data:FILE");
}

// A KubeletConfiguration file that a layer names is below the layer's own kubelet.config.
void read_kubelet_config_file(const Root& root, Layer& layer)
{
        const auto* path = find_path(layer.tree, "kubelet.configFile");
        if (path == nullptr || path->get_ref<const std::string&>().empty())
                return;

        const auto file = path->get<std::string>();
        const auto where = place_of(layer.marks, "kubelet.configFile", {layer.source});

        const auto text = read_file_if_exists(root(file), config_limit);
        if (!text) {
                layer.problems.add(where, "kubelet.configFile", file, "no such file",
                        "Put the file there, or remove the key");
                return;
        }

        Layer given{.source = file};
        given.tree = parse_map(*text, given);

        if (const auto kind = given.tree.value("kind", Json("KubeletConfiguration"));
                kind != "KubeletConfiguration")
                layer.problems.add(
                        {file}, "kind", kind.dump(), "must be KubeletConfiguration", "Name another file");

        for (const char* key : {"kind", "apiVersion"})
                given.tree.erase(key); // ours are the same
        deep_merge(given.tree, layer.tree["kubelet"].value("config", Json::object()));
        layer.tree["kubelet"]["config"] = given.tree;

        for (const auto& [key, place] : given.marks)
                layer.marks.emplace(key.empty() ? "kubelet.config" : "kubelet.config." + key, place);
}

void add(const Root& root, Resolved& resolved, Layer layer)
{
        read_kubelet_config_file(root, layer);
        resolved.layers.push_back(std::move(layer));
}

// Two clusters are hardly meant, and the node then has the endpoint of one and the name of the other.
void note_other_clusters(Resolved& resolved)
{
        constexpr const char* key = "cluster.name";
        auto& merged = resolved.merged;

        const auto* chosen = find_path(merged.tree, key);
        if (chosen == nullptr)
                return;

        const auto place = place_of(merged.marks, key, {}).text();

        for (const auto& layer : resolved.layers) {
                const auto* name = find_path(layer.tree, key);
                if (name == nullptr || *name == *chosen || !name->is_string() ||
                        name->get_ref<const std::string&>().empty())
                        continue;

                std::vector<std::string> kept; // of the other cluster
                for (const auto* other : {"cluster.apiServerEndpoint", "cluster.certificateAuthority",
                             "cluster.cidr", "cluster.id"}) {
                        const auto mark = merged.marks.find(other);
                        const auto given = layer.marks.find(other);
                        if (mark != merged.marks.end() && given != layer.marks.end() &&
                                mark->second == given->second)
                                kept.emplace_back(other);
                }

                merged.notes.push_back({Level::warning,
                        fmt::format("{}: {} = {}: {} names the cluster {}, which counts{}, proceeding",
                                place_of(layer.marks, key, {layer.source}).text(), key, shown_json(*name),
                                place, shown_json(*chosen),
                                kept.empty() ? ""
                                             : fmt::format(", but {} {} still from here", join(kept, ", "),
                                                       kept.size() == 1 ? "is" : "are")),
                        true});
        }
}

// The layers choose the profile, which is below them all.
void merge(const Root& root, Resolved& resolved)
{
        std::string chosen(default_profile);
        std::optional<Where> where;

        for (const auto& layer : resolved.layers)
                if (const auto* name = find_path(layer.tree, "profile");
                        name != nullptr && !trim(name->get_ref<const std::string&>()).empty()) {
                        chosen = name->get<std::string>();
                        where = place_of(layer.marks, "profile", {layer.source});
                }

        if (auto profile = find_profile(root, chosen, where, resolved.merged.notes))
                resolved.layers.insert(resolved.layers.begin(), std::move(profile->layer));
        for (const auto& layer : resolved.layers)
                merge_layer(resolved.merged, layer);
        note_other_clusters(resolved);
}

void add_file(const Root& root, Resolved& resolved, const std::string& path,
        const std::optional<Draft>& draft = {})
{
        const bool is_draft = draft && draft->path == path;
        if (auto note = is_draft ? std::nullopt : not_a_file(root, path)) { // node.toml: drop-ins are files
                resolved.merged.notes.push_back(*std::move(note));
                return;
        }

        if (const auto text = is_draft ? draft->text : read_file_if_exists(root(path), config_limit)) {
                resolved.tried.push_back(path);
                add(root, resolved, parse_file(*text, path));
        }
}

Layer parse_document(const UserDataDocument& document)
{
        const auto& [form, text, source, nested, below_header, unnamed] = document;
        if (form == UserDataDocument::Form::toml)
                return parse_node_toml(text, source);

        try {
                return parse_node_config(text, source);
        } catch (const Error& e) {
                if (unnamed)
                        if (const auto other = no_configuration(text, source, e))
                                throw NoConfiguration(*other);
                if (!below_header)
                        throw;

                throw Error(e.failure(),
                        fmt::format("{}: the header of a mail is before the document, and is read as its "
                                    "beginning: {}",
                                Where{source, 1, 1}.text(), e.what()),
                        "Remove the header, or write a MIME multipart document with the NodeConfig as a part");
        }
}

void add_user_data(const Root& root, Resolved& resolved, std::string_view bytes, const std::string& source,
        Problems* unreadable = nullptr)
{
        const auto data = read_user_data(bytes, source);
        resolved.has_scripts = resolved.has_scripts || data.has_scripts;
        resolved.names_bootstrap = resolved.names_bootstrap || data.names_bootstrap;
        resolved.names_call = resolved.names_call || data.names_call;
        resolved.tried.insert(resolved.tried.end(), data.held.begin(), data.held.end());
        auto& notes = resolved.merged.notes;
        notes.insert(notes.end(), data.notes.begin(), data.notes.end());

        try {
                for (auto& layer : parse_documents(data, notes, unreadable))
                        add(root, resolved, std::move(layer));
        } catch (const NoConfiguration& e) { // it is the only document
                resolved.no_configuration = e;
                resolved.tried.back() = fmt::format("{}: no configuration", source);
        }
}

// cloud-init warns of such user data and goes on, so it does not matter if the other layers are enough.
void judge_other_user_data(Resolved& resolved)
{
        if (!resolved.no_configuration)
                return;
        if (names_no_cluster(resolved))
                throw NoConfiguration(*resolved.no_configuration);
        resolved.merged.notes.push_back(left_to_cloud_init(resolved.no_configuration->what()));
}

// Layers of commands on another instance, from which this disk was copied, do not count here.
void add_command_layers(const Root& root, Resolved& resolved)
{
        resolved.refused_call = refused_call(root);
        const auto instance = known_instance(root);
        const auto ignore = [&](const LayerFile& file) {
                const auto stamp = instance_of_layer(file.text);
                resolved.merged.notes.push_back({Level::notice,
                        fmt::format("'{}' is {}, and this is {}, ignoring", file.path,
                                stamp ? fmt::format("of instance '{}'", *stamp) : "of no instance",
                                instance ? fmt::format("'{}'", *instance) : "an unknown one")});
        };

        for (const auto& file : command_layer_files(root, instance, ignore)) {
                resolved.tried.push_back(file.path);
                resolved.was_called = resolved.was_called || file.is_call();
                resolved.has_bootstrap_call = resolved.has_bootstrap_call || file.path == bootstrap_layer;
                add(root, resolved, parse_file(file.text, file.path));
        }
}

// The drop-ins are one list, sorted by name across both directories, as systemd has it. node.toml is before
// the first one of the admin's, or last, so that the admin's drop-ins and the later ones override it.
std::vector<std::string> admin_files(
        const Root& root, const std::optional<Draft>& draft, std::vector<Note>& notes)
{
        auto files = drop_ins(
                root, {std::string(vendor_drop_ins), std::string(admin_drop_ins)}, all_suffixes, &notes);

        if (draft) {
                std::erase(files, draft->path);
                const auto name = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
                const auto place = std::ranges::upper_bound(files, name(draft->path), {}, name);
                if (!draft->text.empty())
                        files.insert(place, draft->path);
        }

        const auto first =
                std::ranges::find_if(files, [](const auto& f) { return f.starts_with(admin_drop_ins); });
        files.insert(first, std::string(admin_file));

        return files;
}

} // namespace

std::vector<std::string> winning_layers(const Resolved& resolved)
{
        std::vector<std::string> all;
        const auto& marks = resolved.merged.marks;
        for (const auto& [key, place] : marks) {
                const auto next = marks.upper_bound(key);
                if (next != marks.end() && next->first.starts_with(key + "."))
                        continue; // a map, of which the parts are listed

                auto text = fmt::format("{} is from {}", key, place.text());
                for (auto layer = resolved.layers.rbegin(); layer != resolved.layers.rend(); ++layer)
                        if (const auto lower = layer->marks.find(key);
                                lower != layer->marks.end() && lower->second != place)
                                text += fmt::format(", which overrides {}", lower->second.text());
                all.push_back(std::move(text));
        }

        return all;
}

void debug_layers(const Resolved& resolved)
{
        if (debugs())
                for (const auto& line : winning_layers(resolved))
                        debug(line);
}

bool names_no_cluster(const Resolved& resolved)
{
        constexpr std::array keys{
                "cluster.name", "cluster.apiServerEndpoint", "cluster.certificateAuthority", "cluster.cidr"};
        return std::ranges::none_of(
                keys, [&](const char* key) { return find_path(resolved.merged.tree, key) != nullptr; });
}

std::vector<std::string> sources_of(const Resolved& resolved)
{
        std::vector<std::string> sources;
        for (const auto& layer : resolved.layers)
                sources.push_back(layer.source);
        return sources;
}

std::vector<Layer> parse_documents(const UserData& data, std::vector<Note>& notes, Problems* unreadable)
{
        std::vector<Layer> layers;
        Problems broken;
        const Failure* first = nullptr;

        for (const auto& document : data.documents)
                try {
                        layers.push_back(parse_document(document));
                } catch (const NoConfiguration&) { // the other layers decide
                        throw;
                } catch (const Error& e) {
                        if (document.nested) {
                                notes.push_back(ignored_document(e));
                                continue;
                        }

                        first = first != nullptr ? first : &e.failure();
                        broken.add(e);
                        layers.push_back({.source = document.source}); // in the order of the others
                }

        if (unreadable != nullptr)
                unreadable->add(broken);
        else if (first != nullptr)
                broken.throw_if_any(*first);

        return layers;
}

Layer command_line_layer(const std::vector<std::string>& words)
{
        Layer layer{.source = std::string(command_line_source)};
        const auto problem = [&](const std::string& key, const std::string& value, std::string_view wrong) {
                layer.problems.add(
                        {layer.source}, "eks." + key, value, wrong, "See eks-node.toml(5) for every key");
        };

        for (const auto& word : words) {
                const auto equals = word.find('=');
                if (!word.starts_with("eks.") || equals == std::string::npos)
                        continue;

                const auto key = word.substr(4, equals - 4);
                const auto value = word.substr(equals + 1);

                if (key == "node" || key == "debug" || key == "readahead")
                        continue; // for the generator

                const auto* entry = find_schema_key(key);
                if (entry == nullptr || entry->merge == MergeRule::documents ||
                        (holds_more(entry->shape) && key == entry->path)) {
                        problem(key, entry == nullptr ? "" : value,
                                entry == nullptr ? "unknown key" + nearest_key_hint(key, "eks.")
                                                 : "cannot be given on the kernel command line");
                        continue;
                }

                Json* target = &layer.tree;
                for (const auto part : split(key, '.')) {
                        const bool map = target != nullptr && (target->is_object() || target->is_null());
                        target = map ? &(*target)[std::string(part)] : nullptr;
                }

                if (target == nullptr) {
                        problem(key, value, "is below a key that already has a value");
                        continue;
                }

                const auto boolean = parse_boolean(value);

                switch (entry->shape) {
                case Shape::list:
                        target->push_back(value);
                        break;
                case Shape::toggle:
                case Shape::toggles:
                        *target = boolean ? Json(*boolean)
                                          : Json(value); // check_layer() rejects any other text
                        break;
                case Shape::count:
                case Shape::map: {
                        auto parsed = try_parse_json(value);
                        *target = parsed.is_discarded() ? Json(value) : std::move(parsed);
                        break;
                }
                default:
                        *target = value;
                }

                layer.marks[key] = {layer.source};
        }

        check_layer(layer, Dialect::toml);

        return layer;
}

Resolved resolve_node_layers(const Root& root, const std::optional<Draft>& draft, const GivenUserData* given)
{
        Resolved resolved;
        for (const auto& path : admin_files(root, draft, resolved.merged.notes))
                add_file(root, resolved, path, draft);
        if (!exists(root(admin_file)))
                resolved.tried.push_back(fmt::format("{} (absent)", admin_file));

        for (const auto& path : drop_ins(
                     root, {std::string(nodeadm_drop_ins)}, node_config_suffixes, &resolved.merged.notes))
                add_file(root, resolved, path);

        const auto bytes =
                given != nullptr ? given->bytes : read_file_if_exists(root(user_data_path), config_limit);
        if (bytes)
                add_user_data(root, resolved, *bytes, "user data");
        else
                resolved.tried.push_back(fmt::format(
                        "user data ({})", given != nullptr ? given->absent : "the instance has none"));
        add_command_layers(root, resolved);

        auto options = command_line_layer(kernel_command_line(root, exists(root("/run/systemd/container"))));
        if (!options.tree.empty() || !options.problems.empty()) {
                resolved.tried.emplace_back(command_line_source);
                add(root, resolved, std::move(options));
        }

        merge(root, resolved);
        judge_other_user_data(resolved);

        return resolved;
}

Resolved resolve_sources(const Root& root, const std::vector<std::string>& sources, Problems* unreadable)
{
        Resolved resolved;
        const auto read = [&](const std::string& source, const auto& add_it) {
                try {
                        add_it();
                } catch (const Error& e) {
                        if (unreadable == nullptr || e.failure().status != Errc::bad_config)
                                throw;
                        unreadable->add(e);
                        resolved.layers.push_back({.source = source}); // in the order of the others
                }
        };

        constexpr std::string_view user_data = "user-data:";
        const Root here; // the sources were given on the command line

        for (const auto& source : sources) {
                struct stat st {};
                if (source.starts_with(user_data)) {
                        const auto path = source.substr(user_data.size());
                        read(path, [&] {
                                add_user_data(
                                        root, resolved, read_file(path, config_limit), path, unreadable);
                        });
                } else if (::stat(source.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) {
                        const auto paths = drop_ins(here, {source}, all_suffixes, &resolved.merged.notes);
                        if (paths.empty())
                                resolved.tried.push_back(source + " (no configuration in this directory)");

                        for (const auto& path : paths) {
                                resolved.tried.push_back(path);
                                read(path, [&] {
                                        add(root, resolved, parse_file(read_file(path, config_limit), path));
                                });
                        }
                } else {
                        resolved.tried.push_back(source);
                        read(source, [&] {
                                add(root, resolved, parse_file(read_file(source, config_limit), source));
                        });
                }
        }

        merge(root, resolved);
        try {
                judge_other_user_data(resolved);
        } catch (const Error& e) {
                if (unreadable == nullptr)
                        throw;
                unreadable->add(e);
        }

        return resolved;
}

} // namespace eks
