// SPDX-License-Identifier: Apache-2.0
#include "config/command_layer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "config/sources.hpp"
#include "document/toml.hpp"

namespace eks {

namespace {

// "# instance: i-0123456789abcdef0, call 3"
constexpr std::string_view stamp = "# instance: ";
constexpr std::string_view call_stamp = ", call ";

// The first line after its prefix; nothing if it does not have the prefix.
std::optional<std::string_view> stamp_of(std::string_view text)
{
        const auto line = text.substr(0, text.find('\n'));
        if (!line.starts_with(stamp))
                return std::nullopt;
        return line.substr(stamp.size());
}

std::string content_of(const std::string& command)
{
        if (command.ends_with("-edits"))
                return "What scripts have changed in files";
        return fmt::format("What {} was called with; the next call replaces this file", command);
}

} // namespace

std::optional<std::string> instance_of_layer(std::string_view text)
{
        const auto reported = stamp_of(text);
        if (!reported)
                return std::nullopt;
        return std::string(trim(reported->substr(0, reported->find(call_stamp))));
}

unsigned call_of_layer(std::string_view text)
{
        const auto reported = stamp_of(text).value_or("");
        const auto at = reported.find(call_stamp);
        return at == reported.npos
                       ? 0
                       : parse_int<unsigned>(reported.substr(at + call_stamp.size())).value_or(0);
}

std::optional<std::string> known_instance(const Root& root)
{
        const auto text = read_file_if_exists(root(imds_path));
        const auto facts = try_parse_json(text.value_or(""));
        const auto id = facts.find("instanceId");
        if (!facts.is_object() || id == facts.end() || !id->is_string())
                return std::nullopt;
        return id->get<std::string>();
}

std::vector<LayerFile> command_layer_files(const Root& root, const std::optional<std::string>& instance,
        const std::function<void(const LayerFile&)>& foreign)
{
        std::vector<LayerFile> files;
        for (const auto& path : drop_ins(root, {std::string(command_layers)}, {".toml"})) {
                LayerFile file{path, read_file(root(path), config_limit)};
                if (instance && instance == instance_of_layer(file.text))
                        files.push_back(std::move(file));
                else
                        foreign(file);
        }

        std::ranges::stable_sort(files, {}, [](const LayerFile& file) { return call_of_layer(file.text); });
        return files;
}

bool was_called(const Root& root)
{
        const auto files = command_layer_files(root, known_instance(root), [](const LayerFile&) {});
        return std::ranges::any_of(files, &LayerFile::is_call);
}

std::string render_command_layer(const CommandLayer& layer, unsigned call)
{
        return fmt::format("{}{}{}{}\n"
                           "# {}, as eks-node.toml(5).\n"
                           "{}",
                stamp, layer.instance, call_stamp, call, content_of(layer.command),
                TomlDocument::from_tree(layer.tree).text());
}

std::optional<RefusedCall> refused_call(const Root& root)
{
        std::optional<std::string> text;
        try {
                text = read_file_if_exists(root(refused_call_path), config_limit);
        } catch (const Error&) { // it only explains another error
        }

        const auto document = try_parse_json(text.value_or(""));
        const auto field = [&](const char* name) {
                const auto found = document.is_object() ? document.find(name) : document.end();
                return found != document.end() && found->is_string() ? found->get<std::string>()
                                                                     : std::string();
        };

        if (field("command").empty())
                return std::nullopt;

        return RefusedCall{field("command"), field("cause"), field("remedy")};
}

void write_refused_call(const Root& root, const RefusedCall& call)
{
        const Json document{{"command", call.command}, {"cause", call.cause}, {"remedy", call.remedy}};
        write_atomically(root(refused_call_path),
                document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", 0600,
                Durability::unsynced);
}

void write_command_layer(const Root& root, const CommandLayer& layer, Durability durability)
{
        const auto path = fmt::format("{}/{}.toml", command_layers, layer.command);
        const auto files = command_layer_files(root, layer.instance, [](const LayerFile&) {});

        // The same call again leaves the file as it is.
        const auto last = files.empty() ? 0 : call_of_layer(files.back().text);
        const bool is_last = !files.empty() && files.back().path == path && last > 0;
        write_atomically(
                root(path), render_command_layer(layer, is_last ? last : last + 1), 0600, durability);
}

} // namespace eks
