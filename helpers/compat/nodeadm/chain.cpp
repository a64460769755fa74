// SPDX-License-Identifier: Apache-2.0
#include "compat/nodeadm/chain.hpp"

#include <algorithm>
#include <array>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "config/sources.hpp"
#include "userdata/gzip.hpp"
#include "userdata/user_data.hpp"

namespace eks {

namespace {

constexpr std::string_view user_data_name = "user data";

// Decodes %41 of a URL.
std::string decode_percent(std::string_view text, const std::string& uri)
{
        std::string decoded;
        for (std::size_t i = 0; i < text.size(); ++i) {
                if (text[i] != '%') {
                        decoded += text[i];
                        continue;
                }

                const auto digits = text.substr(i + 1, 2);
                const auto value = digits.size() == 2 ? parse_int<unsigned>(digits, 16) : std::nullopt;
                if (!value)
                        throw Error(failure::config_invalid,
                                fmt::format(
                                        "failed to build provider from config source \"{}\": invalid URL "
                                        "escape \"%{}\"",
                                        uri, digits));

                decoded += static_cast<char>(*value);
                i += 2;
        }

        return decoded;
}

bool is_directory(const std::string& path)
{
        struct stat st {};
        if (::stat(path.c_str(), &st) != 0)
                throw io_error("read", path, errno);
        return S_ISDIR(st.st_mode);
}

bool is_config_name(const std::string& name)
{
        constexpr std::array<std::string_view, 3> suffixes{".yaml", ".yml", ".json"};
        return std::ranges::any_of(
                suffixes, [&](std::string_view suffix) { return lower(name).ends_with(suffix); });
}

using Warn = std::function<void(const std::string&)>;

std::vector<Layer> parse_bytes(std::string_view bytes, const std::string& source, const Warn& warn)
{
        const auto data = read_user_data(bytes, source);
        auto notes = data.notes;
        auto layers = parse_documents(data, notes);
        for (const auto& note : notes)
                warn(note.text);
        return layers;
}

std::vector<Layer> parse_file(const Root& root, const std::string& path, const Warn& warn)
{
        auto layers = parse_bytes(read_file(root(path), config_limit), path, warn);
        if (layers.empty())
                throw Error(failure::config_invalid, fmt::format("{}: no NodeConfig in it", path));
        return layers;
}

std::vector<Layer> parse_directory(const Root& root, const std::string& path, const Warn& warn)
{
        std::vector<Layer> layers;
        for (const auto& name : list_directory(root(path))) {
                const auto file = fmt::format("{}{}{}", path, path.ends_with('/') ? "" : "/", name);
                if (!is_config_name(name) || is_directory(root(file)))
                        continue;
                for (auto& layer : parse_file(root, file, warn))
                        layers.push_back(std::move(layer));
        }

        return layers;
}

} // namespace

ConfigSource parse_config_source(const std::string& uri)
{
        const auto colon = uri.find(':');
        const auto scheme = lower(uri.substr(0, colon == std::string::npos ? 0 : colon));
        if (scheme == "imds")
                return {uri};
        if (scheme != "file")
                throw Error(failure::config_invalid,
                        fmt::format(
                                "failed to build provider from config source \"{}\": unsupported scheme: {}",
                                uri, scheme),
                        "Give imds://user-data, or file:// and a path");

        std::string_view rest = std::string_view(uri).substr(colon + 1);
        rest = rest.substr(0, std::min(rest.find('?'), rest.find('#')));
        if (rest.starts_with("//"))
                rest.remove_prefix(2);

        return {uri, decode_percent(rest, uri)};
}

Layer Chain::merged() const
{
        Layer result;
        for (const auto* layer : layers())
                merge_layer(result, *layer);
        return result;
}

std::vector<const Layer*> Chain::layers() const
{
        std::vector<const Layer*> all;
        for (const auto& member : members)
                for (const auto& layer : member.layers)
                        all.push_back(&layer);
        return all;
}

Chain evaluate_chain(const Root& root, const std::vector<std::string>& uris,
        const UserDataReader& read_instance, const std::function<void(const std::string&)>& warn)
{
        std::vector<ConfigSource> sources; // all of them, before the first is read
        for (const auto& uri : uris)
                sources.push_back(parse_config_source(uri));
        Chain chain;

        for (std::size_t i = 0; i < sources.size(); ++i) {
                const auto failed = fmt::format("config provider at index {} failed", i);
                std::vector<Layer> layers;
                in_context(failed, failure::config_invalid, [&] {
                        const auto& path = sources[i].path;
                        if (path && is_directory(root(*path))) {
                                layers = parse_directory(root, *path, warn);
                                if (layers.empty())
                                        warn(fmt::format("no config in directory '{}', skipping", *path));
                                return;
                        }

                        if (path) {
                                layers = parse_file(root, *path, warn);
                                return;
                        }

                        const auto bytes = read_instance();
                        if (!bytes)
                                throw Error(failure::config_missing, "the instance has no user data");

                        const auto source = std::string(user_data_name);

                        // Data with damaged compression cannot be another format, so this is an error.
                        const auto text = is_gzip(*bytes) ? gunzip(*bytes, user_data_limit, source) : *bytes;
                        try {
                                layers = parse_bytes(text, source, warn);
                        } catch (const Error& e) { // scripts and foreign documents are not nodeadm's
                                warn(fmt::format("{}, skipping", e.what()));
                                return;
                        }

                        if (layers.empty())
                                warn("no NodeConfig in user data, skipping");
                });

                if (!layers.empty())
                        chain.members.push_back({sources[i], std::move(layers)});
        }

        if (chain.members.empty())
                throw Error(failure::config_missing, std::string(empty_chain),
                        "Give a NodeConfig in the user data, or name a file of one with --config-source");

        return chain;
}

} // namespace eks
