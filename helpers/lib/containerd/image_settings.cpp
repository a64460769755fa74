// SPDX-License-Identifier: Apache-2.0
#include "containerd/image_settings.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "containerd/config_versions.hpp"
#include "containerd/user_settings.hpp"
#include "document/toml.hpp"
#include "node/ecr.hpp"

namespace eks {

namespace {

// The value at that place in a config.toml of either schema; "" if absent.
std::string string_in(
        const std::string& text, const std::string& source, std::vector<std::string> Schema::*path)
{
        const auto config = TomlDocument::parse(text, source);
        for (const int version : {3, 2})
                if (const auto value = config.string_at(schema_of(version).*path))
                        return *value;
        return {};
}

// The same in the user's TOML; the last one counts.
std::string last_given(const NodeInputs& node, std::vector<std::string> Schema::*path)
{
        const auto texts = user_texts(node);
        for (auto given = texts.rbegin(); given != texts.rend(); ++given) {
                const bool perhaps = std::ranges::any_of(std::array{2, 3}, [&](int version) {
                        return given->text.find((schema_of(version).*path).back()) != std::string::npos;
                });

                if (!perhaps)
                        continue; // parsing takes longer than the rest of this function
                if (auto value = string_in(given->text, given->source, path); !value.empty())
                        return value;
        }

        return {};
}

} // namespace

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

std::optional<std::string> pulled_pause_image(const NodeInputs& node)
{
        if (!node.decided.sandbox_image.empty())
                return node.decided.sandbox_image;
        if (exists(node.root(pause_archive)))
                return std::nullopt;
        return eks_pause_image(node.root, require(node.facts.region, "region", node.facts.source));
}

std::string sandbox_image(const NodeInputs& node)
{
        if (auto image = last_given(node, &Schema::sandbox_image); !image.empty())
                return image;
        if (const auto image = pulled_pause_image(node))
                return *image;

        const auto path = fmt::format(
                "{}/config-{}.toml", containerd_vendor_directory, schema_for(node.versions.containerd));
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
