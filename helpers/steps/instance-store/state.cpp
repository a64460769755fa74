// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/state.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace eks {

namespace {

constexpr std::uint32_t number_at(std::string_view bytes, std::size_t from)
{
        std::uint32_t value = 0;
        for (std::size_t i = sizeof value; i-- > 0;)
                value = value << 8U | static_cast<unsigned char>(bytes[from + i]);

        return value;
}

} // namespace

std::string StorageFacts::mounted_at(const std::string& directory) const
{
        const auto found = mounts.find(directory);
        return found == mounts.end() ? std::string() : found->second;
}

Directory StorageFacts::state_of(const std::string& directory) const
{
        const auto found = directories.find(directory);
        return found == directories.end() ? Directory{} : found->second;
}

bool contains(const std::vector<std::string>& list, const std::string& item)
{
        return std::ranges::find(list, item) != list.end();
}

std::vector<std::string> serials_of(const std::vector<StoreDisk>& disks)
{
        std::vector<std::string> serials;
        for (const auto& disk : disks)
                serials.push_back(disk.serial);

        return serials;
}

std::vector<StoreDisk> instance_store_disks(const std::vector<StoreDisk>& disks)
{
        std::vector<StoreDisk> found;
        for (const auto& disk : disks)
                if (is_model(disk.model, instance_store_model) &&
                        std::ranges::find(found, disk.serial, &StoreDisk::serial) == found.end())
                        found.push_back(disk);

        std::ranges::sort(found, {}, &StoreDisk::serial);
        return found;
}

bool is_our_array(std::string_view name)
{
        // mdadm puts the name of the host in front.
        return name.substr(name.rfind(':') + 1) == array_name; // npos + 1 is 0
}

bool is_member_of_ours(const StoreDisk& disk)
{
        // The name does not suffice: a user's own mirror may have it, too.
        return disk.content.type == member_type && disk.content.other.empty() &&
               is_our_array(disk.content.label) && (disk.level == 0 || disk.level == 10);
}

bool is_filesystem(const DiskContent& content)
{
        return content.other.empty() && (content.type == "xfs" || content.type == "ext4");
}

int level_of(const LocalStorage& settings)
{
        return settings.strategy == LocalStorage::Strategy::raid10 ? 10 : 0;
}

// The superblock of version 1.2, see the kernel's md_p.h: at 4 KiB, little endian. Other versions are at
// other places, and this step does not write them.
void read_member(StoreDisk& disk, std::string_view beginning)
{
        constexpr std::size_t at = 4096;
        constexpr std::string_view magic("\xfc\x4e\x2b\xa9\x01\0\0\0", 8);
        constexpr std::size_t id_at = 16;
        constexpr std::size_t id_length = 16;
        constexpr std::size_t level_at = 72;
        constexpr std::size_t devices_at = 92;
        constexpr std::size_t boot_mark_at = 510;
        constexpr std::string_view boot_mark = "\x55\xaa";

        if (beginning.size() < member_bytes)
                return;

        // libblkid does not look for a partition table on a member.
        if (beginning.substr(boot_mark_at).starts_with(boot_mark)) {
                disk.content.other = "a boot sector and a former member of an array";
                return;
        }

        const auto superblock = beginning.substr(at);
        if (!superblock.starts_with(magic))
                return;

        for (const char byte : superblock.substr(id_at, id_length))
                disk.array_id += fmt::format("{:02x}", static_cast<unsigned char>(byte));
        disk.level = static_cast<int>(number_at(superblock, level_at));
        disk.devices = number_at(superblock, devices_at);
}

} // namespace eks
