// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/mirrors.hpp"
#include "node/configured.hpp"
#include "node/runtime_descriptors.hpp"

namespace eks {

struct ContainerdSpec {
        std::vector<Sourced> configs;        // TOML, each to be merged over the ones before
        std::string snapshotter = "auto";    // containerd.snapshotter: auto, overlayfs, soci
        std::optional<bool> fast_image_pull; // featureGates.FastImagePull
        RuntimeSettings runtimes;
        Json base_runtime_spec = Json::object();
        std::vector<RegistryMirror> registry_mirrors;
};

ContainerdSpec containerd_spec(const Configured& given);

} // namespace eks
