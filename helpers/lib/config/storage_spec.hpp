// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "config/configured.hpp"
#include "config/local_storage.hpp"
#include "config/volume.hpp"

namespace eks {

struct StorageSpec {
        std::optional<LocalStorage> local; // instance.localStorage
        std::optional<VolumeSettings> containerd_volume;
        bool separate_images = false; // containerd's data is on another filesystem than kubelet's
};

StorageSpec storage_spec(const Configured& given);

} // namespace eks
