// SPDX-License-Identifier: Apache-2.0
// eks-sandbox-image: the pause image is in containerd, and pinned so that no garbage collection takes it.
// Reads: /etc/containerd/config.toml, containerd's socket, /etc/eks/pause.tar. Changes: containerd's image
// store. Again: an image that is present and pinned is left alone.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/root.hpp"

namespace eks {

inline constexpr std::string_view pause_archive = "/etc/eks/pause.tar";

// What this step does to the world, as values, so that it can be tried without one.
struct ImageStore {
        // Labels of the image of that name; nothing if it is absent.
        std::function<std::optional<std::map<std::string, std::string>>(const std::string& name)> labels;
        std::function<void(const std::string& name, const std::string& key, const std::string& value)> label;
        std::function<void(const std::string& archive)> import_archive;
};

struct SandboxImage {
        std::string remark; // what was found or done
        bool changed;
};

// Throws Error (sandbox_image_missing) if the image is neither in the store nor in the archive.
SandboxImage ensure_sandbox_image(const Root& root, const std::string& image, const ImageStore& store);

} // namespace eks
