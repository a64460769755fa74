// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/configured.hpp"
#include "config/mirrors.hpp"

namespace eks {

// The container runtimes in the configuration.
struct RuntimeSettings {
        Layer descriptors; // containerd.runtimes: merged over the files' descriptors of the same names
        std::string default_name; // containerd.defaultRuntime, may be empty
        std::string default_source;
};

struct ContainerdSpec {
        std::vector<Sourced> configs;        // TOML, each to be merged over the ones before
        std::string snapshotter = "auto";    // containerd.snapshotter: auto, overlayfs, soci
        std::optional<bool> fast_image_pull; // featureGates.FastImagePull
        RuntimeSettings runtimes;
        Json base_runtime_spec = Json::object();
        Json limits = Json::array(); // of the key `limits`, as process.rlimits of the runtime specification
        std::vector<RegistryMirror> registry_mirrors;
};

ContainerdSpec containerd_spec(const Configured& given);

} // namespace eks
