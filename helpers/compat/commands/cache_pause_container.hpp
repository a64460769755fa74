// SPDX-License-Identifier: Apache-2.0
// cache-pause-container, as the image of Amazon Linux 2023 has it: stores a pause image in containerd,
// pinned and under a local name, and in an archive, so that nodes need no registry.
#pragma once

#include <string>

namespace eks {

struct PauseCache {
        std::string image;
        std::string name = "localhost/kubernetes/pause:latest";
        std::string archive = "/etc/eks/pause.tar";
};

// Its options. Throws Error (usage).
PauseCache pause_cache(int argc, char** argv);

} // namespace eks
