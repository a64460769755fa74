// SPDX-License-Identifier: Apache-2.0
// eks-containerd-volume: finds a disk for containerd, formats it if it is blank, and mounts it before
// containerd starts. Reads: /run/eks/node.json, sysfs, the disks. Changes: a blank disk; mounts; while it
// formats, /var/lib/eks/containerd-volume.formatting; /var/lib/eks/containerd-volume. Again: what is mounted
// stays.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/volume.hpp"
#include "storage/disks.hpp"

namespace eks {

inline constexpr std::string_view containerd_directory = "/var/lib/containerd";
// Names the disk that this instance has used, for settings that a disk of another instance may match, too.
inline constexpr std::string_view volume_record = "/var/lib/eks/containerd-volume";

// The effects of this step, as functions, so that tests need no disks.
struct Disks {
        std::function<std::vector<BlockDevice>()> list;
        std::function<bool(const std::string& path)> exists;
        std::function<std::optional<DiskContent>(const std::string& path)>
                content;                                                  // nothing if it cannot be opened
        std::function<std::string(const std::string& path)> mapping_name; // EC2's, "" if it has none
        std::function<std::string(const std::string& path)> mount_point;  // where it is mounted, or ""
        std::function<std::string(const std::string& directory)> mounted; // what is mounted there, or ""
        std::function<std::string(const std::string& directory)> mount_unit; // mount_unit_at()
        std::function<void(const std::string& path, const std::string& filesystem, const std::string& label)>
                format;
        std::function<void(const std::string& path, const std::string& type)>
                mount; // at containerd_directory
        // The disk that this instance has used for these settings: known_as() of it; "" if none is recorded.
        std::function<std::string(const VolumeSettings& volume)> recorded = {};
        std::function<void(const VolumeSettings& volume, const std::string& known_as)> record = {};
};

// What identifies a disk or partition across boots: its serial number, "SERIAL-part1", else its path.
std::string known_as(const std::vector<BlockDevice>& devices, const std::string& path);

// The device that the settings name; nothing if it is not there (yet). Throws Error (volume_occupied) if
// there are two of that label, unless one of them is recorded.
std::optional<std::string> find_volume(const VolumeSettings& volume, const Disks& disks);

struct MountedVolume {
        std::string remark; // what was found or done
        bool changed;
};

// Throws Error: volume_missing at the deadline; volume_occupied if it holds anything but a usable
// filesystem, or if it or the directory is in use; what `disks` throws (mkfs_failed, volume_failed).
MountedVolume ensure_volume(
        const VolumeSettings& volume, const Disks& disks, std::chrono::milliseconds limit);

} // namespace eks
