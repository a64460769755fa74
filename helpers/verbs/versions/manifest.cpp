// SPDX-License-Identifier: Apache-2.0
#include "verbs/versions/manifest.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"

namespace eks {

std::optional<ImageManifest> read_manifest(const Root& root)
{
        const auto path = root(manifest_path);
        const auto text = read_file_if_exists(path);
        if (!text)
                return std::nullopt;

        try {
                const auto tree = parse_json(*text);
                ImageManifest manifest;
                tree.at("wanted").get_to(manifest.wanted);
                tree.at("built").get_to(manifest.built);
                tree.at("enabled").get_to(manifest.enabled);
                tree.at("leftovers").get_to(manifest.leftovers);
                tree.at("kernel").get_to(manifest.kernel);
                tree.at("leastFreeMiB").get_to(manifest.least_free_mib);

                for (const auto& file : tree.at("files"))
                        manifest.files.push_back({file.at("path"), file.at("mode"), file.at("owner"),
                                file.value("sha256", ""), file.value("target", "")});
                return manifest;
        } catch (const Json::exception& e) {
                throw Error(failure::config_syntax,
                        fmt::format("'{}' is not a manifest of an image: {}", path, without_input(e.what())),
                        "Build the image again with packer/, which writes it");
        }
}

} // namespace eks
