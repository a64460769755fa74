// SPDX-License-Identifier: Apache-2.0
// The settings of containerd: their places in both schemas, their types, and the versions that have them.
#pragma once

#include <span>
#include <string_view>

#include "document/reader.hpp"
#include "node/version.hpp"

namespace eks {

namespace plugin {
inline constexpr const char* cri = "io.containerd.grpc.v1.cri";        // all of CRI in schema 2
inline constexpr const char* images = "io.containerd.cri.v1.images";   // its image service in schema 3
inline constexpr const char* runtime = "io.containerd.cri.v1.runtime"; // its runtime service in schema 3
} // namespace plugin

// One setting in both schemas. "PLUGIN:path/of/keys", or a path from the top; "*" is any one name, a last
// "..." is everything below. PLUGIN is an id, or cri, images or runtime. An empty side: that schema has no
// such setting. "=" is the same place.
struct SettingRow {
        std::string_view two;
        std::string_view three;
        Shape shape = Shape::any;   // the type in containerd; "any" if we do not depend on it
        unsigned minor = 0;         // the first version with it: 1.N if not 1.6; 2.N if schema 2 lacks it
        std::string_view hint = {}; // its replacement in containerd 2.x

        bool is_too_new_for(const Version& containerd) const
        {
                return containerd.major == (two.empty() ? 2 : 1) && containerd.minor < minor;
        }
};

// Schema 4, of containerd 2.3, is schema 3 with the settings of the daemon's own servers in plugins, below
// which some have another name. containerd 2.3 reads both, but the old place of a plugin only if the new one
// has no setting at all.
struct RenamedSetting {
        std::string_view four;
        std::string_view three;
};

std::span<const SettingRow> setting_rows();
std::span<const RenamedSetting> renamed_settings();

} // namespace eks
