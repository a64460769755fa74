// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/machine.hpp"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "steps/instance-store/make_directory.hpp"
#include "storage/nvme.hpp"

namespace eks {

namespace {

constexpr std::string_view blocks = "/sys/class/block/";
constexpr std::string_view cipher_prefix = "eks-instance-store-";
constexpr std::uint64_t sector = 512;

bool has_attribute(const std::string& name, const char* file)
{
        return exists(fmt::format("{}{}/{}", blocks, name, file));
}

std::vector<std::string> below(const std::string& name, const char* directory)
{
        return list_directory(fmt::format("{}{}/{}", blocks, name, directory));
}

std::string mountinfo()
{
        return read_file("/proc/self/mountinfo");
}

std::string mount_point_of(const std::string& name, const std::string& mounts)
{
        return mount_point_in(mounts, block_attribute(name, "dev"));
}

DiskContent readable_content(const std::string& path)
{
        return content_of(path).value_or(DiskContent{.other = "what cannot be read"});
}

// What uses a partition; "" if nothing does.
std::string use_of_partition(const std::string& part, const std::string& mounts)
{
        if (const auto place = mount_point_of(part, mounts); !place.empty())
                return fmt::format("has a partition that is mounted at '{}'", place);
        if (const auto holders = below(part, "holders"); !holders.empty())
                return fmt::format("has a partition that '/dev/{}' uses", holders.front());
        return {};
}

// What uses a device or a partition of it, besides our arrays and ciphers.
std::string use_of(const std::string& name, const std::string& mounts)
{
        for (const auto& holder : below(name, "holders"))
                if (!holder.starts_with("md") &&
                        !block_attribute(holder, "dm/name").starts_with(cipher_prefix))
                        return fmt::format("is a part of '/dev/{}'", holder);

        const auto swaps = read_file_if_exists("/proc/swaps").value_or("");
        if (swaps.find(fmt::format("/dev/{} ", name)) != std::string::npos)
                return "is used as swap";

        for (const auto& part : list_directory(fmt::format("{}{}", blocks, name)))
                if (part.starts_with(name) && has_attribute(part, "partition"))
                        if (auto use = use_of_partition(part, mounts); !use.empty())
                                return use;

        return {};
}

std::string first_bytes(const std::string& path, std::size_t count)
{
        std::string bytes(count, '\0');
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        const auto length = fd ? ::pread(fd.get(), bytes.data(), count, 0) : 0;
        bytes.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
        return bytes;
}

Directory directory_at(const std::string& path)
{
        Directory directory{.exists = exists(path),
                .empty = list_directory(path).empty(),
                .obstacle = obstacle_at(path)};

        struct statvfs status {};
        directory.read_only = ::statvfs(nearest_that_exists(path).c_str(), &status) == 0 &&
                              (status.f_flag & static_cast<unsigned long>(ST_RDONLY)) != 0;
        return directory;
}

// The cipher NAME, with what is on it.
void add_cipher(StorageFacts& facts, const std::string& name, const std::string& mounts)
{
        const auto cipher = block_attribute(name, "dm/name");
        if (!cipher.starts_with(cipher_prefix))
                return;

        const auto path = "/dev/mapper/" + cipher;
        const auto place = mount_point_of(name, mounts);

        for (const auto& lower_name : below(name, "slaves")) {
                const auto lower = "/dev/" + lower_name;
                auto content = readable_content(path);
                // mkfs was stopped. A cipher of our name was opened in this boot by this step.
                content.unfinished = may_be_unfinished(path, content);
                facts.opened[lower] = {.path = path, .content = content};

                // The plan regards the device below as mounted.
                for (auto& disk : facts.disks)
                        if (disk.path == lower)
                                disk.mounted = place;
        }
}

constexpr std::string_view disk_word = "disk"; // a disk that was there at the first run of this boot

} // namespace

std::string obstacle_at(const std::string& path)
{
        std::filesystem::path above;
        for (const auto& part : std::filesystem::path(path)) {
                above /= part;
                struct stat status {};
                if (::lstat(above.c_str(), &status) != 0)
                        return {};
                if (!S_ISDIR(status.st_mode))
                        return fmt::format("'{}' is {}", above.native(),
                                S_ISLNK(status.st_mode) ? "a symbolic link" : "not a directory");
        }

        return {};
}

StoreDisk StorageMachine::disk(const std::string& name) const
{
        StoreDisk disk{.path = "/dev/" + name};
        const auto or_attribute = [&](const char* known, const char* file) {
                auto text = udev_property(disk.path, known);
                return text.empty() ? block_attribute(name, file) : text;
        };

        disk.model = or_attribute("ID_MODEL", "device/model");
        disk.serial = or_attribute("ID_SERIAL_SHORT", "device/serial");
        disk.size = parse_int<std::uint64_t>(block_attribute(name, "size")).value_or(0) * sector;

        return disk;
}

void StorageMachine::examine(StoreDisk& disk, const std::string& mounts) const
{
        const auto name = disk.path.substr(std::string_view("/dev/").size());
        disk.mounted = mount_point_of(name, mounts);
        disk.in_use = use_of(name, mounts);

        disk.content = readable_content(disk.path);
        disk.unfinished = unfinished_.includes(disk.serial) && may_be_unfinished(disk.path, disk.content);

        if (disk.content.type == member_type)
                read_member(disk, first_bytes(disk.path, member_bytes));
}

StoreArray StorageMachine::array(const std::string& name, const std::vector<StoreDisk>& disks) const
{
        StoreArray array{.path = "/dev/" + name};
        const auto state = block_attribute(name, "md/array_state");
        array.active = !state.empty() && state != "inactive" && state != "clear";

        const auto level = block_attribute(name, "md/level");
        if (level.starts_with("raid"))
                array.level = parse_int<int>(level.substr(4)).value_or(-1);
        array.devices = parse_int<unsigned>(block_attribute(name, "md/raid_disks")).value_or(0);

        for (const auto& member : below(name, "slaves")) {
                // A lost disk stays in the list of a RAID0 array.
                if (!exists(std::string(blocks) + member))
                        continue;
                const auto found = std::ranges::find(disks, "/dev/" + member, &StoreDisk::path);
                array.serials.push_back(found == disks.end() ? "" : found->serial);
        }

        std::ranges::sort(array.serials);

        if (array.active)
                array.content = readable_content(array.path);
        array.unfinished = !array.serials.empty() &&
                           std::ranges::all_of(array.serials,
                                   [&](const auto& serial) { return unfinished_.includes(serial); });

        const auto mounts = mountinfo();
        array.in_use = use_of(name, mounts);

        const auto place = mount_point_of(name, mounts);
        if (!place.empty() && place != settings_->array_directory())
                array.in_use = fmt::format("is mounted at '{}'", place);

        return array;
}

StorageFacts StorageMachine::look() const
{
        StorageFacts facts;
        const auto record = read_file_if_exists(std::string(storage_record));
        const auto mounts = mountinfo();

        for (const auto& name : list_directory(std::string(blocks)))
                if (is_nvme_disk(name))
                        facts.disks.push_back(disk(name));
        facts.disks = instance_store_disks(facts.disks);

        for (auto& disk : facts.disks) {
                disk.came_later = came_later(record, disk.serial);
                examine(disk, mounts);
        }

        // Arrays and ciphers name the disks below them.
        for (const auto& name : list_directory(std::string(blocks))) {
                if (name.starts_with("md") && has_attribute(name, "md") && !below(name, "slaves").empty())
                        facts.arrays.push_back(array(name, facts.disks));
                add_cipher(facts, name, mounts);
        }

        look_at_mounts(facts);
        return facts;
}

void StorageMachine::look_at_mounts(StorageFacts& facts) const
{
        const auto mounts = mountinfo();
        const auto look = [&](const std::string& path) {
                auto& directory = facts.directories[path] = directory_at(path);
                if (const auto device = mounted_in(mounts, path); !device.empty())
                        facts.mounts[path] = device;
                else
                        directory.unit = mount_unit_at(path);
        };

        for (std::size_t i = 0; i <= facts.disks.size(); ++i)
                look(fmt::format("{}/{}", settings_->mount_path, i));

        for (const auto& [name, path, sub, mode] : bound_directories(*settings_)) {
                look(std::string(path));
                look(fmt::format("{}/{}", settings_->array_directory(), sub));
        }
}

// ---- the record of what is mounted

bool came_later(const std::optional<std::string>& record, std::string_view serial)
{
        if (!record) // no run of this boot has succeeded
                return false;

        return std::ranges::none_of(lines(*record), [&](std::string_view line) {
                const auto words = split(line, ' ');
                return words.size() > 2 && words[0] == disk_word && words[2] == serial;
        });
}

std::string storage_summary(const LocalStorage& settings, const StorageFacts& facts)
{
        constexpr double gibibyte = 1U << 30U;

        std::string text;
        for (const auto& disk : instance_store_disks(facts.disks))
                text += fmt::format("{} {} {} {:.1f} GiB\n", disk.came_later ? "later-disk" : disk_word,
                        disk.path, disk.serial, static_cast<double>(disk.size) / gibibyte);

        if (settings.is_array())
                for (const auto& array : facts.arrays)
                        // Other arrays have a disk of another kind.
                        if (!contains(array.serials, ""))
                                text += fmt::format("array {} RAID{} of {}\n", array.path, array.level,
                                        join(array.serials, ", "));

        for (const auto& [directory, device] : facts.mounts)
                text += fmt::format("mount {} {}\n", directory, device);

        return text;
}

} // namespace eks
