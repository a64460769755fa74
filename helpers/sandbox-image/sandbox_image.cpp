// SPDX-License-Identifier: Apache-2.0
#include "sandbox_image.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"

namespace eks {

namespace {

// containerd's CRI plugin reports an image with this label as pinned, and kubelet never collects those.
constexpr const char* pin_key = "io.cri-containerd.pinned";
constexpr const char* pin_value = "pinned";

} // namespace

SandboxImage ensure_sandbox_image(const Root& root, const std::string& image, const ImageStore& store)
{
        auto labels = store.labels(image);
        const bool imported = !labels;
        if (imported) {
                if (!exists(root(pause_archive)))
                        throw Error(failure::sandbox_image_missing,
                                fmt::format("the sandbox image '{}' is neither in containerd nor in '{}'",
                                        image, pause_archive),
                                "Put an archive of it there, or name an image that can be pulled as the "
                                "sandbox image "
                                "in containerd.config");
                store.import_archive(root(pause_archive));
                labels = store.labels(image);
                if (!labels)
                        throw Error(failure::sandbox_image_missing,
                                fmt::format(
                                        "'{}' was imported, but holds no image '{}'", pause_archive, image),
                                fmt::format("Make the archive with `ctr -n k8s.io images export {} {}`",
                                        pause_archive, image));
        }
        const auto pin = labels->find(pin_key);
        const bool pinned = pin != labels->end() && pin->second == pin_value;
        if (!pinned)
                store.label(image, pin_key, pin_value);
        return {fmt::format("{} {} and pinned", image, imported ? "imported" : "present"),
                imported || !pinned};
}

} // namespace eks
