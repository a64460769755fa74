// SPDX-License-Identifier: Apache-2.0
// Names of images in their usual short form, and in containerd's form.
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

// Missing parts are added as by docker: "busybox" is "docker.io/library/busybox:latest". If there are a tag
// and a digest, only the digest is kept, because the CRI plugin looks for the image by that name. Throws
// Error (usage) for text that the grammar of such references does not allow.
ImageName parse_image_name(std::string_view text);

} // namespace eks
