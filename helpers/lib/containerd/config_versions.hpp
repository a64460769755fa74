// SPDX-License-Identifier: Apache-2.0
// The schemas of containerd's configuration, and the settings that have different places in them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document/layer.hpp"
#include "node/version.hpp"

namespace eks {

// Holds the defaults of the schemas that are written: config-2.toml and config-3.toml.
inline constexpr std::string_view containerd_vendor_directory = "/usr/share/eks/containerd";

// The places of our settings in a schema.
struct Schema {
        int version;
        Json::json_pointer cri_containerd; // has default_runtime_name and runtimes
        Json::json_pointer enable_cdi;
        Json::json_pointer registry;
        std::vector<std::string> sandbox_image;
        std::vector<std::string> snapshotter;
};

const Schema& schema_of(int version); // 2 or 3

inline constexpr Version oldest_containerd{1, 6, 0}; // of the distributions that eksnode is for
inline constexpr Version newest_containerd{2, 3, 0}; // that the tables were made for, and every patch of it

// The schema for a daemon: 2 for containerd 1.x, 3 for 2.x and later. 2.3 reads schema 4, too.
int schema_for(const Version& containerd);

// A text of schema 2, 3 or 4, or of a mixture. Throws Error: config_syntax, config_invalid.
Layer parse_containerd_config(const std::string& text, const std::string& source);

// The tree of such a text in the schema of that daemon: a setting with different places in the schemas is
// moved, one that containerd 2.x has dropped is left out with a note, and an unknown one stays in its place
// with a note. The version key is left out. `places` gets the place of each setting of the result. A layer
// without a source is our own; only its settings with a mark, which come from others, get notes. Throws
// Error (config_invalid) with the line of each setting of a wrong type, of each that containerd 1.x lacks or
// (imports) that undoes our tables there, and of two that are the same setting with different values.
Json translate(
        const Layer& layer, const Version& containerd, std::vector<Note>& notes, Marks* places = nullptr);

// The notes about settings that are in no schema. Throws Error (config_invalid) for wrong types, and for a
// version other than 2, 3 and 4.
void check_known(const Layer& layer, std::vector<Note>& notes);

} // namespace eks
