// SPDX-License-Identifier: Apache-2.0
// containerd.volume: a separate disk for containerd.
#pragma once

#include <optional>
#include <string>

#include "document/layer.hpp"

namespace eks {

struct VolumeSettings {
        std::string device; // a path, the name in EC2's block device mapping, vol-ID, or instance-store
        std::string label;  // or the label of a filesystem or partition
        std::string filesystem = "xfs"; // the filesystem to create on a blank volume: xfs, ext4
        std::string source;             // for messages: "/etc/eks/node.toml, line 3, column 1"

        // Its name in the configuration, for messages: "vol-0abc", "label containerd".
        std::string name() const { return device.empty() ? "label " + label : device; }
};

inline constexpr std::string_view instance_store = "instance-store";

// The common part of names of the same device in a block device mapping: "f" of "/dev/sdf", "sdf" and
// "xvdf". "" if it is not such a name.
std::string mapping_key(std::string_view device);

// Nothing if none is configured. Invalid values are added to `problems`, and left out.
std::optional<VolumeSettings> containerd_volume(const Json& tree, const Marks& marks, Problems& problems);

} // namespace eks
