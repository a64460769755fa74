// SPDX-License-Identifier: Apache-2.0
// The state that the instance store's plan starts from and that its actions change: disks, arrays, ciphers,
// mounts and directories.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/local_storage.hpp"
#include "storage/disks.hpp"

namespace eks {

// The type that libblkid reports for a disk of an array.
inline constexpr auto member_type = "linux_raid_member";

// The name of the array that this step makes, and the label of a filesystem that it makes on a disk.
inline constexpr std::string_view array_name = "kubernetes";
inline constexpr auto disk_label = "eks-disk";

// A whole disk, as it was found.
struct StoreDisk {
        std::string path; // "/dev/nvme1n1"
        std::string model;
        std::string serial;
        std::uint64_t size = 0; // bytes
        DiskContent content;
        std::string array_id; // of the array that it is a member of
        int level = -1;       // of that array; -1 without a superblock of the version that this step writes
        unsigned devices = 0; // of that array when it is complete
        std::string mounted;  // directory
        std::string in_use;   // "is part of /dev/dm-1"; empty if only our array or cipher uses it
        bool unfinished = false; // this step began to write it on this instance and did not finish
        bool came_later = false; // an earlier run of this boot did not have it

        std::string named() const { return path + " (" + serial + ")"; }
};

// An array that the kernel has.
struct StoreArray {
        std::string path; // "/dev/md127"
        bool active = false;
        int level = -1;
        unsigned devices = 0;             // of the complete array
        std::vector<std::string> serials; // of its disks; "" for a disk outside the instance store
        DiskContent content;
        std::string in_use = {};
        bool unfinished = false; // this step began to make its filesystem on this instance
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
        std::string obstacle = {}; // why nothing can be mounted there: "'/a' is a link"; else ""
        std::string unit = {};     // see mount_unit_at(); "" if something is mounted
};

struct StorageFacts {
        bool late = false; // a disk of the instance store may still be missing
        std::vector<StoreDisk> disks;
        std::vector<StoreArray> arrays;
        std::map<std::string, Cipher> opened;         // by the path of the device below
        std::map<std::string, std::string> mounts;    // directory to device
        std::map<std::string, Directory> directories; // those not listed are empty and writable

        // The device that is mounted at a directory; "" if none is.
        std::string mounted_at(const std::string& directory) const;
        Directory state_of(const std::string& directory) const;
};

bool contains(const std::vector<std::string>& list, const std::string& item);
std::vector<std::string> serials_of(const std::vector<StoreDisk>& disks);

// The disks of the instance store among those, one of each serial number, sorted by it.
std::vector<StoreDisk> instance_store_disks(const std::vector<StoreDisk>& disks);

// Whether this step, or setup-local-disks before it, made the array of this name.
bool is_our_array(std::string_view name);

// Whether a disk is a member of an array that this step made.
bool is_member_of_ours(const StoreDisk& disk);

// Whether it is a filesystem that this step mounts.
bool is_filesystem(const DiskContent& content);

// The level of the configured array.
int level_of(const LocalStorage& settings);

// Read the first bytes of a member: its array, or that a boot sector was written over it since.
inline constexpr std::size_t member_bytes = 4096 + 256;
void read_member(StoreDisk& disk, std::string_view beginning);

} // namespace eks
