// SPDX-License-Identifier: Apache-2.0
// instance.localStorage: what is done with the disks of the instance store.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "document/layer.hpp"

namespace eks {

struct LocalStorage {
        enum class Strategy { raid0, raid10, mount };

        Strategy strategy = Strategy::raid0;
        std::string mount_path = "/mnt/k8s-disks";
        std::vector<std::string> disabled_mounts = {}; // Containerd, Kubelet, PodLogs, SOCI
        std::string filesystem = "xfs";                // or ext4
        std::vector<std::string> mkfs_options = {};
        bool encrypt = false;
        bool force = false; // over what is on the disks
        std::string source; // for messages: "user data, line 3, column 5"

        bool is_array() const { return strategy != Strategy::mount; }
        // Where the array is mounted; of Mount, the disks are at 1, 2, and so on.
        std::string array_directory() const { return mount_path + "/0"; }
};

// Nothing if no strategy is configured, or 'none'. Invalid values are added to `problems`.
std::optional<LocalStorage> local_storage(const Json& tree, const Marks& marks, Problems& problems);

} // namespace eks
