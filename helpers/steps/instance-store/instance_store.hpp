// SPDX-License-Identifier: Apache-2.0
// eks-instance-store: makes or finds the array on the disks of the instance store, or a filesystem on each,
// and mounts them before containerd and kubelet start. Reads: /run/eks/node.json, sysfs, udev's database,
// the disks. Changes: disks of the instance store; mounts; while it writes a disk,
// /var/lib/eks/instance-store.making. Again: what is mounted stays.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "steps/instance-store/action.hpp"
#include "steps/instance-store/state.hpp"

namespace eks {

// The actions that come next and can run side by side; none if all is done. Pure: the step and `eksnode
// storage plan` use it. The facts become those after the actions. Remarks are added to `notes`, each once.
// Throws Error: disks_too_few, disks_missing, disk_in_use, disk_foreign, mount_point_busy, volume_failed (a
// directory that cannot be made).
std::vector<StorageAction> next_actions(
        const LocalStorage& settings, StorageFacts& facts, std::vector<std::string>& notes);

// The directories that are put on the array, and their name there.
struct BoundDirectory {
        std::string_view name; // in disabledMounts
        std::string_view path;
        std::string_view directory;
        unsigned mode; // if the path does not exist
};
std::vector<BoundDirectory> bound_directories(const LocalStorage& settings);

} // namespace eks
