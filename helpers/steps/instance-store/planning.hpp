// SPDX-License-Identifier: Apache-2.0
// How next_actions() decides, by subject.
#pragma once

#include <optional>

#include "base/error.hpp"
#include "steps/instance-store/actions.hpp"

namespace eks {

// What the next action follows from.
struct Planning {
        const LocalStorage& settings;
        const StorageFacts& facts;
        std::vector<std::string>& notes;
        std::vector<StoreDisk> disks; // of the instance store

        const StoreDisk* disk_of(const std::string& serial) const;
        // Arrays that consist of our members only.
        std::vector<const StoreArray*> arrays() const;

        void note(const std::string& text) const;
        void note_later(const StoreDisk& disk) const;
        Error refusal(const Failure& failure, const std::string& what, const char* remedy) const;
        // An array that is in use; `consequence` is added to the message.
        Error refusal_of_use(const StoreArray& array, const char* consequence, const char* remedy) const;
};

// array.cpp: one array of all disks.
std::optional<StorageAction> next_of_array(Planning& planning);

// disks.cpp: a filesystem on each disk.
std::optional<StorageAction> next_of_disks(const Planning& planning);

// device.cpp: cipher, filesystem and mount of the array or of a disk.
std::optional<StorageAction> next_on_device(const Planning& planning, const Device& device);

// mount_points.cpp: where devices are mounted, and the directories that are put on the array.
std::optional<StorageAction> next_directory(const Planning& planning);
// The directory of a disk; the array's is that of 0.
std::string mount_point(const LocalStorage& settings, unsigned index);
// Throw Error if a mount would fail; nothing is written then.
void refuse_mount_point(
        const Planning& planning, const std::string& where, const std::vector<std::string>& serials);
void refuse_bound_directories(const Planning& planning);

// planning.cpp
// Why this step must not write a disk; "" if it may.
std::string objection_to(const Planning& planning, const StoreDisk& disk);
void refuse_foreign_disks(const Planning& planning, const std::vector<StoreDisk>& disks);

} // namespace eks
