// SPDX-License-Identifier: Apache-2.0
#include "steps/containerd-volume/containerd_volume.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "storage/disks.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto default_label = "containerd";
constexpr std::size_t xfs_label = 12; // characters
constexpr auto poll_interval = 100ms;

// The label of a volume that this step formats.
std::string label_of(const VolumeSettings& volume)
{
        const bool fits = !volume.label.empty() && volume.label.size() <= xfs_label;
        return fits ? volume.label : default_label;
}

Error same_label(const std::string& one, const std::string& other, const std::string& label)
{
        return {failure::volume_occupied,
                fmt::format("'{}' and '{}' both have the label '{}'", one, other, label),
                "Name the volume by containerd.volume.device, or change one label"};
}

// Anybody who may write to a disk can give it a label, such as a pod that has a volume as a block device. So
// the label alone decides only until a disk is recorded.
std::optional<std::string> find_label(const VolumeSettings& volume, const Disks& disks)
{
        const auto devices = disks.list();
        const auto recorded = disks.recorded(volume);
        std::optional<std::string> found;

        for (const auto& device : devices) {
                if (!recorded.empty() && known_as(devices, device.path) != recorded)
                        continue;

                const auto content = disks.content(device.path);
                if (!content || (content->label != volume.label && content->partition_label != volume.label))
                        continue;
                if (disks.mount_point(device.path) == containerd_directory)
                        return device.path;
                if (found)
                        throw same_label(*found, device.path, volume.label);

                found = device.path;
        }

        return found;
}

// A disk that we formatted earlier (its name may have changed), else the first blank disk that is not in
// use. A disk with data is never used. Throws Error (volume_occupied) if all disks hold data.
std::optional<std::string> find_instance_store(const VolumeSettings& volume, const Disks& disks)
{
        auto devices = disks.list();
        std::erase_if(devices,
                [](const BlockDevice& device) { return !is_model(device.model, instance_store_model); });
        std::ranges::sort(devices, {}, &BlockDevice::serial);
        const auto recorded = disks.recorded(volume);
        std::optional<std::string> ours;
        std::optional<std::string> blank;
        std::string occupied;

        for (const auto& device : devices) {
                const auto content = disks.content(device.path);
                const bool may_be_ours = recorded.empty() || known_as(devices, device.path) == recorded;
                if (content && content->label == label_of(volume) && may_be_ours) {
                        if (ours)
                                throw same_label(*ours, device.path, label_of(volume));
                        ours = device.path;
                        continue;
                }

                const auto place = disks.mount_point(device.path);
                if (content && content->blank() && place.empty())
                        blank = blank ? blank : device.path;
                else
                        occupied += fmt::format("{}'{}' {}", occupied.empty() ? "" : ", ", device.path,
                                !place.empty() ? fmt::format("is mounted at '{}'", place)
                                : !content     ? "cannot be read"
                                               : fmt::format("holds {}", content->what()));
        }

        if (ours)
                return ours;
        if (!blank && !occupied.empty())
                throw Error(failure::volume_occupied,
                        fmt::format(
                                "{}: no disk of the instance store is blank: {}", volume.source, occupied),
                        "Nothing on them was touched. If its data is not needed, run `wipefs -a` and `blkdiscard "
                        "-z` on it, "
                        "or name another volume");

        return blank;
}

std::optional<std::string> find_device(const std::string& name, const Disks& disks)
{
        if (name.starts_with("vol-")) {
                const auto serial = "vol" + name.substr(4);
                for (const auto& device : disks.list())
                        if (device.serial == serial)
                                return device.path;
                return std::nullopt;
        }

        const auto key = mapping_key(name);
        if (key.empty())
                return disks.exists(name) ? std::optional(name) : std::nullopt;

        // A link made by udev, or a device name of a Xen instance.
        for (const auto* prefix : {"/dev/sd", "/dev/xvd"})
                if (disks.exists(prefix + key))
                        return prefix + key;

        for (const auto& device : disks.list())
                if (is_model(device.model, ebs_model) && mapping_key(disks.mapping_name(device.path)) == key)
                        return device.path;

        return std::nullopt;
}

Error missing(const VolumeSettings& volume, const Disks& disks, std::chrono::milliseconds limit)
{
        const auto recorded = volume.device.empty() ? disks.recorded(volume) : std::string();
        return {failure::volume_missing,
                fmt::format("{}: no disk matches '{}'{} after {} s", volume.source, volume.name(),
                        recorded.empty()
                                ? ""
                                : fmt::format(" and is '{}', which this instance has used", recorded),
                        std::chrono::duration_cast<std::chrono::seconds>(limit).count()),
                fmt::format(
                        "See `lsblk -o NAME,SERIAL,LABEL` for what is there, and the instance's block device "
                        "mapping{}",
                        recorded.empty() ? ""
                                         : fmt::format("; if another disk has taken its place, remove '{}'",
                                                   volume_record))};
}

std::string wait_for_volume(
        const VolumeSettings& volume, const Disks& disks, std::chrono::milliseconds limit)
{
        const auto deadline = std::chrono::steady_clock::now() + limit;
        for (;;) {
                if (auto path = find_volume(volume, disks))
                        return *path;
                if (std::chrono::steady_clock::now() + poll_interval > deadline)
                        throw missing(volume, disks, limit);
                std::this_thread::sleep_for(poll_interval);
        }
}

} // namespace

std::string known_as(const std::vector<BlockDevice>& devices, const std::string& path)
{
        for (const auto& device : devices) {
                if (device.serial.empty() || !path.starts_with(device.path))
                        continue;

                const auto part = std::string_view(path).substr(device.path.size());
                if (part.empty())
                        return device.serial;
                if (part.starts_with('p') && parse_int<unsigned>(part.substr(1))) // of NVMe: nvme1n1p1
                        return fmt::format("{}-part{}", device.serial, part.substr(1));
        }

        return path;
}

std::optional<std::string> find_volume(const VolumeSettings& volume, const Disks& disks)
{
        if (volume.device == instance_store)
                return find_instance_store(volume, disks);
        return volume.device.empty() ? find_label(volume, disks) : find_device(volume.device, disks);
}

MountedVolume ensure_volume(
        const VolumeSettings& volume, const Disks& disks, std::chrono::milliseconds limit)
{
        const auto path = wait_for_volume(volume, disks, limit);
        const auto occupied = [&](const std::string& what, const std::string& remedy) {
                return Error(failure::volume_occupied, fmt::format("{}: {}", volume.source, what), remedy);
        };

        const auto record = [&] {
                if (volume.device.empty() || volume.device == instance_store)
                        disks.record(volume, known_as(disks.list(), path));
        };

        const auto place = disks.mount_point(path);
        if (place == containerd_directory) {
                record();
                return {fmt::format("{} is mounted at {}", path, place), false};
        }

        if (!place.empty())
                throw occupied(fmt::format("'{}' is mounted at '{}'", path, place), "Name another volume");
        if (const auto other = disks.mounted(std::string(containerd_directory)); !other.empty())
                throw occupied(fmt::format("'{}' is mounted at '{}' already", other, containerd_directory),
                        "Remove that mount, or containerd.volume");
        if (const auto unit = disks.mount_unit(std::string(containerd_directory)); !unit.empty())
                throw mount_unit_in_the_way(
                        failure::volume_occupied, volume.source, unit, std::string(containerd_directory));

        const auto content = disks.content(path);
        if (!content)
                throw Error(failure::volume_failed, fmt::format("'{}' cannot be read", path),
                        "See `journalctl -k` for errors of the disk");

        const bool usable = content->other.empty() && (content->type == "xfs" || content->type == "ext4");
        if (!content->blank() && !usable)
                throw occupied(fmt::format("'{}' is not blank: it holds {}", path, content->what()),
                        fmt::format(
                                "Nothing on it was touched. If its data is not needed, run `wipefs -a {0}` and "
                                "`blkdiscard -z {0}`",
                                path));

        std::string remark;
        auto type = content->type;

        if (content->blank()) {
                type = volume.filesystem;
                disks.format(path, type, label_of(volume));
                remark = fmt::format("formatted {} with {}{}, ", path, type,
                        content->unfinished ? " once more, as that was not finished" : "");
        }

        disks.mount(path, type);
        record();

        return {fmt::format("{}mounted {} at {}", remark, path, containerd_directory), true};
}

} // namespace eks
