// SPDX-License-Identifier: Apache-2.0
// cache-pause-container, as the image of Amazon Linux 2023 has it: a pause image that nodes find without a
// registry, because it is in containerd under a name of no registry, pinned, and in an archive.
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

int cache_pause_container_command(int argc, char** argv);

} // namespace eks
