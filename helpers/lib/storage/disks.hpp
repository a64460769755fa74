// SPDX-License-Identifier: Apache-2.0
// Disks: which there are, what is on them, where they are mounted, and filesystems made on them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/root.hpp"
#include "storage/messages.hpp"

namespace eks {

// A disk or partition, by sysfs. Model and serial are those of a whole NVMe disk, else "".
struct BlockDevice {
        std::string path; // "/dev/nvme1n1"
        std::string model;
        std::string serial;
};

// All that have a size, sorted by path, without RAM disks and the like.
std::vector<BlockDevice> block_devices(const Root& root);

// What is on a device.
struct DiskContent {
        std::string type;            // of the filesystem, "" if there is none that is known
        std::string label;           // of the filesystem, or the name of the array
        std::string partition_label; // of the partition, if it is one
        std::string other;       // what is there instead of a filesystem: "a gpt partition table", "data"
        bool unfinished = false; // it holds the beginning of a filesystem that this step was making
        bool blank() const { return type.empty() && other.empty(); }
        bool is_unknown() const; // nothing that the library knows, but not blank
        std::string what() const { return other.empty() ? type : other; }
};

// Nothing if the device cannot be read.
std::optional<DiskContent> content_of(const std::string& path);

// Whether this may be a filesystem whose mkfs was killed: data without a known beginning, or an XFS that
// mkfs has not finished.
bool may_be_unfinished(const std::string& path, const DiskContent& content);

// "259:4"; "" if it is no block device.
std::string device_number(const std::string& path);

// Of /proc/self/mountinfo: where the device MAJOR:MINOR is mounted, and what is mounted at a directory (the
// last one counts). "" if nothing is.
std::string mount_point_in(std::string_view mountinfo, std::string_view device_number);
std::string mounted_in(std::string_view mountinfo, std::string_view directory);

// The model of a disk of the instance store, and that of an EBS volume.
inline constexpr std::string_view instance_store_model = "Amazon EC2 NVMe Instance Storage";
inline constexpr std::string_view ebs_model = "Amazon Elastic Block Store";
// Whether a model is that, also as udev writes it, with "_" for " ".
bool is_model(std::string model, std::string_view of);

// The file of a mount unit for a directory, such as fstab's, whose name the manager takes for no transient
// unit; "" if there is none. And what to say if that mount is not there.
std::string mount_unit_at(const std::string& directory);
Error mount_unit_in_the_way(const Failure& failure, const std::string& source, const std::string& unit,
        const std::string& directory);

// Records the disks that are being written, by their serial numbers. If the machine stops meanwhile, they
// are neither blank nor complete, and the record shows that the step may write them again. Other such disks
// are never written.
class UnfinishedDisks {
public:
        // The record names the instance, because an image or a snapshot may carry it to another one.
        UnfinishedDisks(std::string file, std::string instance)
                : file_(std::move(file)), instance_(std::move(instance))
        {
        }

        void begin(const std::vector<std::string>& names) const;
        // Remove these names, and the record with the last one.
        void end(const std::vector<std::string>& names) const;
        bool includes(const std::string& name) const;
        std::vector<std::string> names() const;

private:
        std::string file_;
        std::string instance_;
};

struct FilesystemOptions {
        std::vector<std::string> more = {}; // options of mkfs, before the device
        bool force = false;                 // over what is there
};

// The command that makes one. It does not discard: that takes long, and there is nothing to discard.
std::vector<std::string> mkfs_command(
        const std::string& path, const std::string& filesystem, const FilesystemOptions& options);

// For a slow, large disk.
inline constexpr std::chrono::seconds disk_program_limit{120};

// Run a program that works on disks. Throws Error with its output: `failure` if it fails or is not
// installed, storage_timeout if it does not end in time; `about` is put in front.
void run_disk_program(const std::vector<std::string>& command, const Failure& failure,
        const std::string& about = {}, std::chrono::milliseconds limit = disk_program_limit);

} // namespace eks
