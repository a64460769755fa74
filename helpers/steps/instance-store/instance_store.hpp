// SPDX-License-Identifier: Apache-2.0
// eks-instance-store: makes or finds the array on the disks of the instance store, or a filesystem on each,
// and mounts them before containerd and kubelet start. Reads: /run/eks/node.json, sysfs, udev's database,
// the disks. Changes: disks of the instance store; mounts; while it writes a disk,
// /var/lib/eks/instance-store.making. Again: what is mounted stays.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/local_storage.hpp"
#include "storage/disks.hpp"

namespace eks {

// What libblkid calls a disk of an array.
inline constexpr auto member_type = "linux_raid_member";

// A whole disk, as it was found.
struct StoreDisk {
        std::string path; // "/dev/nvme1n1"
        std::string model;
        std::string serial;
        std::uint64_t size = 0; // bytes
        DiskContent content;
        std::string array_id;    // of an array that it is a member of
        int level = -1;          // of that array; -1 if its superblock is none that this step writes
        unsigned devices = 0;    // of that array, if all are there
        std::string mounted;     // where
        std::string in_use;      // "is part of /dev/dm-1"; not if our array or cipher uses it
        bool half_made = false;  // by this step, on this instance
        bool came_later = false; // an earlier run of this boot did not have it

        std::string named() const { return path + " (" + serial + ")"; }
};

// An array that the kernel has.
struct StoreArray {
        std::string path; // "/dev/md127"
        bool active = false;
        int level = -1;
        unsigned devices = 0;             // if all are there
        std::vector<std::string> serials; // of its disks; "" for a disk that is none of the instance store
        DiskContent content;
        std::string in_use = {};
        bool half_made = false; // its filesystem, by this step, on this instance
};

// An open cipher.
struct Cipher {
        std::string path; // "/dev/mapper/eks-instance-store-0"
        DiskContent content;
};

struct Directory {
        bool exists = false;
        bool empty = true;
        bool read_only = false;    // its filesystem, or that of the nearest directory above it
        std::string obstacle = {}; // why nothing can be mounted there: "'/a' is a link"; "" if nothing is
        std::string unit = {};     // see mount_unit_at(); "" if something is mounted
};

struct StorageFacts {
        bool late = false; // a disk of the instance store may not be there yet
        std::vector<StoreDisk> disks;
        std::vector<StoreArray> arrays;
        std::map<std::string, Cipher> opened;         // by the path of the device below
        std::map<std::string, std::string> mounts;    // directory to device
        std::map<std::string, Directory> directories; // those that matter; others are empty and writable
};

struct StorageAction {
        enum class Kind { stop, wipe, create, assemble, add, encrypt, format, mount, copy, prepare, bind };

        Kind kind;
        std::vector<std::string> serials = {}; // of the disks that it is about
        std::vector<std::string> command = {}; // of the program that does it
        std::string what = {};                 // device or directory
        std::string where = {};                // directory
        std::string type = {};                 // filesystem
        std::string lower = {};                // device below the cipher
};

// "make array /dev/md/kubernetes (RAID0) of AWS1, AWS2"
std::string text_of(const StorageAction& action);
std::string_view name_of(StorageAction::Kind kind);

// The disks of the instance store among those, one of each serial number, sorted by that.
std::vector<StoreDisk> instance_store_disks(const std::vector<StoreDisk>& disks);

// Whether an array that is a member's by name was made by this step, or by setup-local-disks before it.
bool is_our_array(std::string_view name);

// Whether it is one that this step mounts.
bool is_filesystem(const DiskContent& content);

// What the first bytes of a member say: the array, or that a boot sector was written over it since.
inline constexpr std::size_t member_bytes = 4096 + 256;
void read_member(StoreDisk& disk, std::string_view beginning);

// What has to be done next, all of it side by side; nothing if all is done. Pure: the step and `eksnode
// storage plan` use it. The facts become those after it. Remarks are added to `notes`, each once. Throws
// Error: disks_too_few, disks_missing, disk_in_use, disk_foreign, mount_point_busy, volume_failed (a
// directory that cannot be made).
std::vector<StorageAction> next_actions(
        const LocalStorage& settings, StorageFacts& facts, std::vector<std::string>& notes);

// The facts after an action.
void foresee(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action);

// What has happened if it fails.
const Failure& failure_of(StorageAction::Kind kind);

// Whether only a look at the machine shows the effect of an action.
bool needs_look(StorageAction::Kind kind);

// The directories that are put on the array, and their name there.
struct BoundDirectory {
        std::string_view name; // in disabledMounts
        std::string_view path;
        std::string_view directory;
        unsigned mode; // if the path is not there
};
std::vector<BoundDirectory> bound_directories(const LocalStorage& settings);

} // namespace eks
