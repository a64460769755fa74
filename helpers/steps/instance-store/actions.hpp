// SPDX-License-Identifier: Apache-2.0
// Each action with its effect: a function that makes the action, and below it one that changes the state as
// the action will change the machine.
#pragma once

#include <initializer_list>

#include "steps/instance-store/action.hpp"

namespace eks {

// Texts of a command.
using Words = std::initializer_list<std::string_view>;

// An action that a program performs on a device.
StorageAction command_on(StorageAction::Kind kind, const std::vector<std::string>& serials,
        const std::string& device, Words command);

// ---- disks as a whole, and arrays

StorageAction wipe_disk(const StoreDisk& disk);
void foresee_wipe(StorageFacts& facts, const StorageAction& action);

StorageAction stop_array(const StoreArray& array);
void foresee_stop(StorageFacts& facts, const StorageAction& action);

StorageAction create_array(const LocalStorage& settings, const std::vector<StoreDisk>& disks);
void foresee_create(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action);

StorageAction assemble_array(const std::vector<StoreDisk>& members);
void foresee_assemble(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action);

StorageAction add_to_array(const StoreArray& array, const StoreDisk& disk);
void foresee_add(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action);

// ---- a device that is mounted

// The array, or a disk.
struct Device {
        std::string path;
        unsigned index; // of the directory where it is mounted
        const DiskContent* content;
        bool unfinished;
        std::vector<std::string> serials;
};

StorageAction open_cipher(const Device& device, const std::string& cipher);
void foresee_encrypt(StorageFacts& facts, const StorageAction& action);

// `path` is the device or the cipher over it; `force` overwrites what is on it.
StorageAction make_filesystem(
        const LocalStorage& settings, const Device& device, const std::string& path, bool force);
void foresee_format(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action);

StorageAction mount_device(
        const Device& device, const std::string& path, const std::string& where, const std::string& type);
void foresee_mount(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action);

std::string cipher_path(const std::string& cipher);

// ---- directories on the array

// `hidden` will be hidden by a bind mount of `directory`.
StorageAction fill_directory(const std::string& hidden, const std::string& directory, bool is_empty);
void foresee_directory(StorageFacts& facts, const StorageAction& action);

StorageAction bind_directory(const std::string& directory, const std::string& where);
void foresee_bind(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action);

} // namespace eks
