// SPDX-License-Identifier: Apache-2.0
// /etc/eks/image.json: what the image build wanted and made. packer/provisioners/write-manifest writes it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"

namespace eks {

inline constexpr std::string_view manifest_path = "/etc/eks/image.json";

// A file as the build left it.
struct ImageFile {
        std::string path;
        std::string mode;   // four octal digits
        std::string owner;  // UID:GID
        std::string sha256; // empty for a symbolic link
        std::string target; // of a symbolic link
};

struct ImageManifest {
        std::map<std::string, std::string> wanted; // component to version, range, pattern or "latest"
        std::map<std::string, std::string> built;  // component to the version that the build installed
        std::vector<ImageFile> files;
        std::vector<std::string> enabled;   // units
        std::vector<std::string> leftovers; // patterns of paths that only the builder may have
        std::string kernel;                 // that boots; empty if the machine has none of its own
        std::uint64_t least_free_mib = 0;
};

// Nothing if the image was not built with packer/. Throws Error (config_syntax, file_io).
std::optional<ImageManifest> read_manifest(const Root& root);

} // namespace eks
