// SPDX-License-Identifier: Apache-2.0
#include "containerd/user_settings.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "containerd/config_versions.hpp"
#include "containerd/files.hpp"
#include "containerd/runtime_requirements.hpp"

namespace eks {

namespace {

constexpr std::string_view usual_address = "/run/containerd/containerd.sock";

using Pointer = Json::json_pointer;

std::optional<Where> place_in(const Marks& given, const Pointer& path)
{
        return place_at_or_below(given, key_path(path));
}

// The program that runs the containers of a handler.
const std::array<Pointer, 3>& program_keys()
{
        static const std::array keys{
                Pointer("/runtime_type"), Pointer("/runtime_path"), Pointer("/options/BinaryName")};
        return keys;
}

bool is_containerd_there(const Root& root)
{
        return exists(root("/usr/bin/containerd")) || exists(root("/usr/local/bin/containerd"));
}

// Merges the user's TOML, layer by layer, over ours.
class UserSettings {
public:
        UserSettings(Json& config, const Schema& schema, RuntimeHandlers& handlers, const Json& described,
                std::vector<Note>& notes)
                : config_(&config), schema_(&schema), handlers_(&handlers),
                  described_(&described.at(schema_of(3).cri_containerd / "runtimes")), notes_(&notes)
        {
        }

        void add(const Json& given, const Marks& places)
        {
                check_programs(given, places);
                deep_merge(*config_, given);
                for (const auto& [key, where] : places)
                        places_[key] = where;
        }

        // Checked here, because containerd would start, but no pod would.
        void check_default(const NodeInputs& node)
        {
                const auto& root = node.root;
                const auto& containerd = config_->at(schema_->cri_containerd);
                const auto& runtimes = containerd.at("runtimes");

                const auto name = containerd.value("default_runtime_name", std::string());
                const auto place = place_in(places_, schema_->cri_containerd / "default_runtime_name");
                const auto known = std::ranges::find(handlers_->all, name, &RuntimeHandler::name);

                if (!runtimes.contains(name)) {
                        const auto reported = fmt::format("{}: default_runtime_name = {}",
                                place.value_or(Where{"configuration"}).text(), shown_value(name));
                        if (known == handlers_->all.end())
                                throw Error(failure::runtime_invalid,
                                        reported + ": no such runtime is defined",
                                        "Correct it in containerd.config or its drop-ins; `eksnode runtimes` "
                                        "lists those that are available");

                        render_default(*known, reported, *notes_);
                        deep_merge(*config_, translate({.tree = handler_settings(*known)},
                                                     node.versions.containerd, *notes_));
                }

                const auto missing = missing_program_of(root, runtimes.at(name));
                const bool is_noted = known != handlers_->all.end() && known->awaited;
                if (!missing || is_noted)
                        return;

                // A script in the user data may still install it. The program of a descriptor was looked up
                // before: it exists, or the descriptor is forced.
                for (const auto& key : program_keys())
                        if (!is_described(name, key, runtimes.at(name))) {
                                notes_->push_back({Level::warning,
                                        fmt::format("{}: default_runtime_name = {}: its program is missing: "
                                                    "{}; no pod starts until it is there, proceeding",
                                                (place ? place : place_in(places_, handler(name) / key))
                                                        .value_or(Where{"configuration"})
                                                        .text(),
                                                shown_value(name), *missing)});
                                return;
                        }

                if (is_containerd_there(root))
                        notes_->push_back({Level::warning,
                                fmt::format(
                                        "runtime {} ({}) is the default, and its program is missing: {}, "
                                        "proceeding",
                                        name, known->place.text(), *missing)});
        }

        // containerd would start, and its clients would not find it.
        void check_address() const
        {
                const auto path = Pointer("/grpc/address");
                const auto place = place_in(places_, path);
                const auto address = config_->value(path, std::string());
                if (!place || address == usual_address || address == "/var" + std::string(usual_address))
                        return;

                notes_->push_back({Level::warning,
                        fmt::format("{}: grpc.address = {}: kubelet and eksnode connect to {}, where no "
                                    "containerd answers, proceeding",
                                place->text(), shown_value(address), usual_address),
                        true});
        }

        // containerd starts with both, but without CRI.
        void check_registry() const
        {
                const auto registry = config_->value(schema_->registry, Json::object());
                if (registry.value("config_path", std::string()).empty())
                        return;

                Problems problems;
                const auto refuse = [&](const Pointer& path, const std::string& key) {
                        problems.add(place_in(places_, path)
                                             .value_or(Where{std::string(containerd_vendor_directory)}),
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

        // If two layers name two programs for one handler, it is not clear which one is meant. A setting may
        // replace the program of a descriptor, which is common for runc and nvidia, but a warning says so.
        void check_programs(const Json& given, const Marks& places)
        {
                const auto parent = schema_->cri_containerd / "runtimes";
                if (!given.contains(parent))
                        return;

                for (const auto& [name, table] : given.at(parent).items())
                        for (const auto& key : program_keys()) {
                                if (table.value(key, std::string()).empty())
                                        continue; // as if it were absent
                                const auto where = place_in(places, handler(name) / key).value_or(Where{});
                                check_program(name, key, table.at(key), where);
                        }
        }

        void check_program(
                const std::string& name, const Pointer& key, const Json& value, const Where& where)
        {
                const auto reported = fmt::format("{}: {} = {}", where.text(),
                        key_path((Pointer("/runtimes") / name) / key), shown_json(value));

                if (const auto ours = described_->find(name); ours != described_->end()) {
                        const auto known = std::ranges::find(handlers_->all, name, &RuntimeHandler::name);
                        if (Json(ours->value(key, std::string())) != value)
                                notes_->push_back({Level::warning,
                                        fmt::format("{}: replaces the program of the runtime {} ({}), "
                                                    "proceeding",
                                                reported, name, known->place.text())});
                        return;
                }

                const auto [before, is_new] =
                        programs_.emplace(key_path((Pointer() / name) / key), std::pair(value, where));

                const auto& [first, first_place] = before->second;
                if (!is_new && first != value)
                        throw Error(failure::runtime_invalid,
                                fmt::format("{}: it is {} in {}", reported, shown_json(first),
                                        first_place.text()),
                                "Give one of the two handlers another name, or remove it");
        }

        Json* config_;
        const Schema* schema_;
        RuntimeHandlers* handlers_;
        const Json* described_;
        std::vector<Note>* notes_;
        Marks places_; // the last one in the user's settings
        std::map<std::string, std::pair<Json, Where>> programs_;
};

} // namespace

std::vector<Sourced> user_texts(const NodeInputs& node, std::vector<Note>* notes)
{
        std::vector<Sourced> texts;
        for (const auto& path : drop_ins(node.root, containerd_drop_in_directories(), {".toml"}, notes))
                texts.push_back({read_file(node.root(path), drop_in_limit), path});
        for (const auto& given : node.spec.containerd.configs)
                texts.push_back({given.text, fmt::format("containerd.config ({})", given.source)});
        return texts;
}

void merge_user_settings(Json& config, const Json& described, const NodeInputs& node,
        RuntimeHandlers& handlers, std::vector<Note>& notes)
{
        const auto& daemon = node.versions.containerd;
        UserSettings user(config, schema_of(schema_for(daemon)), handlers, described, notes);

        for (const auto& [text, source] : user_texts(node, &notes)) {
                Marks places;
                user.add(translate(parse_containerd_config(text, source), daemon, notes, &places), places);
        }

        user.check_default(node);
        user.check_address();
        user.check_registry();
}

void check_user_configs(const NodeSpec& spec, std::vector<Note>& notes)
{
        for (const auto& given : spec.containerd.configs)
                check_known(parse_containerd_config(
                                    given.text, fmt::format("containerd.config ({})", given.source)),
                        notes);
        check_runtime_settings(spec.containerd.runtimes);
}

} // namespace eks
