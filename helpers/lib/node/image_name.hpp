// SPDX-License-Identifier: Apache-2.0
// Names of images as people write them, and as containerd keeps them.
#pragma once

#include <string>
#include <string_view>

namespace eks {

struct ImageName {
        std::string host;   // "docker.io", "localhost:5000"
        std::string path;   // "library/busybox"
        std::string suffix; // ":latest", "@sha256:…"

        std::string text() const { return host + "/" + path + suffix; }
};

// What is left out is filled in as docker does: "busybox" is "docker.io/library/busybox:latest". Of a tag
// and a digest the digest stays: that is the name under which the CRI plugin looks for the image. Throws
// Error (usage) for text that the grammar of such references does not allow.
ImageName parse_image_name(std::string_view text);

} // namespace eks
