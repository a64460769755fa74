// SPDX-License-Identifier: Apache-2.0
// containerd.volume: a disk of containerd's own.
#pragma once

#include <optional>
#include <string>

#include "document/layer.hpp"

namespace eks {

struct VolumeSettings {
        std::string device; // a path, the name in EC2's block device mapping, vol-ID, or instance-store
        std::string label;  // instead: of a filesystem or a partition
        std::string filesystem = "xfs"; // made on a volume that is blank: xfs, ext4
        std::string source;             // for messages: "/etc/eks/node.toml, line 3, column 1"

        // What the configuration calls it, for messages: "vol-0abc", "label containerd".
        std::string name() const { return device.empty() ? "label " + label : device; }
};

inline constexpr std::string_view instance_store = "instance-store";

// What names in a block device mapping have in common if they mean the same device: "f" of "/dev/sdf", "sdf"
// and "xvdf". "" if it is no such name.
std::string mapping_key(std::string_view device);

// Nothing if none is configured. What is wrong is added to `problems`, and left out.
std::optional<VolumeSettings> containerd_volume(const Json& tree, const Marks& marks, Problems& problems);

} // namespace eks
