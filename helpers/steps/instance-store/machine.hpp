// SPDX-License-Identifier: Apache-2.0
// The disks, arrays and mounts of this machine, and what is done to them.
#pragma once

#include <chrono>
#include <optional>

#include "steps/instance-store/instance_store.hpp"
#include "systemd/manager.hpp"

namespace eks {

// Names the disks that are being written, until they are mounted.
inline constexpr std::string_view making_mark = "/var/lib/eks/instance-store.making";

// What is mounted, for `eksnode status`: a line for each disk, array and mount.
inline constexpr std::string_view storage_record = "/run/eks/instance-store";

// Why nothing can be mounted at a directory: "'/a' is a symbolic link", "'/a' is not a directory"; "" if
// nothing is in the way. systemd does not mount at a path that contains a link.
std::string obstacle_at(const std::string& path);

// Finding the state is in look.cpp, changing it in machine.cpp.
class StorageMachine {
public:
        StorageMachine(const LocalStorage& settings, const std::string& instance)
                : settings_(&settings), unfinished_(std::string(making_mark), instance)
        {
        }

        StorageFacts look() const;
        // Only at mounts and directories, which other actions do not change.
        void look_at_mounts(StorageFacts& facts) const;

        // Wait for mounts of others that the manager has yet to make.
        void await_mounts(StorageFacts& facts);
        // Remove mounted disks from the record of those being written: somebody else may have completed
        // them.
        void end_record(const StorageFacts& facts);

        // Of next_actions(). Mounts that nothing has to be put on are only started. Throws Error:
        // failure_of() the first that fails, manager_unreachable.
        void perform(const std::vector<StorageAction>& actions);
        // Wait for what was started. Throws Error: volume_failed, manager_unreachable.
        void finish();

private:
        StoreDisk disk(const std::string& name) const;
        StoreArray array(const std::string& name, const std::vector<StoreDisk>& disks) const;
        void examine(StoreDisk& disk, const std::string& mounts) const;

        // Those that were not recorded before.
        std::vector<std::string> record(const std::vector<std::string>& serials);
        void format(const std::vector<StorageAction>& actions);
        void mount(const std::vector<StorageAction>& actions);
        Manager::StartedMount start_mount(
                const StorageAction& action, const char* options, const std::string& description);
        Manager& manager();

        const LocalStorage* settings_;
        UnfinishedDisks unfinished_;
        std::vector<Manager::StartedMount> started_;
        std::optional<Manager> manager_;
};

// What there is, as text for storage_record.
std::string storage_summary(const LocalStorage& settings, const StorageFacts& facts);
// Whether a disk did not exist yet when a run of this boot wrote that text.
bool came_later(const std::optional<std::string>& record, std::string_view serial);

} // namespace eks
