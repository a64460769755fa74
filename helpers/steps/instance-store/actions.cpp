// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/actions.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace eks {

namespace {

using Kind = StorageAction::Kind;

constexpr auto array_link = "/dev/md/kubernetes";
constexpr auto mdadm = "/usr/sbin/mdadm";

// A command of mdadm that ends with the paths of the disks.
StorageAction array_of(Kind kind, const std::vector<StoreDisk>& disks, Words command)
{
        auto action = command_on(kind, serials_of(disks), array_link, command);
        for (const auto& disk : disks)
                action.command.push_back(disk.path);
        return action;
}

// The array after the action, of all disks of the action.
StoreArray& add_array(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action)
{
        auto& array = facts.arrays.emplace_back();
        array.path = action.what;
        array.active = true;
        array.level = level_of(settings);
        array.devices = static_cast<unsigned>(action.serials.size());
        array.serials = action.serials;
        return array;
}

void make_member(StoreDisk& disk, const LocalStorage& settings)
{
        disk.content = {.type = member_type, .label = std::string(array_name)};
        disk.level = level_of(settings);
}

// Whether the options of mkfs.xfs set the log's stripe unit, which may be given only once.
bool has_log_unit(const std::vector<std::string>& options)
{
        std::string_view before;
        for (const std::string_view option : options) {
                if ((before == "-l" || option.starts_with("-l")) &&
                        (option.find("su=") != option.npos || option.find("sunit=") != option.npos))
                        return true;
                before = option;
        }

        return false;
}

} // namespace

// ---- disks as a whole, and arrays

StorageAction wipe_disk(const StoreDisk& disk)
{
        return command_on(Kind::wipe, {disk.serial}, disk.path, {"/usr/sbin/wipefs", "--all", disk.path});
}

void foresee_wipe(StorageFacts& facts, const StorageAction& action)
{
        for (auto& disk : facts.disks)
                if (contains(action.serials, disk.serial))
                        disk.content = {};
}

StorageAction stop_array(const StoreArray& array)
{
        return command_on(Kind::stop, array.serials, array.path, {mdadm, "--stop", array.path});
}

void foresee_stop(StorageFacts& facts, const StorageAction& action)
{
        std::erase_if(facts.arrays, [&](const StoreArray& array) { return array.path == action.what; });
}

StorageAction create_array(const LocalStorage& settings, const std::vector<StoreDisk>& disks)
{
        const auto level = fmt::format("--level={}", level_of(settings));
        const auto name = fmt::format("--name={}", array_name);
        const auto devices = fmt::format("--raid-devices={}", disks.size());
        return array_of(Kind::create, disks,
                {mdadm, "--create", array_link, "--config=none", "--run", "--force", "--metadata=1.2", level,
                        name, devices});
}

void foresee_create(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action)
{
        auto& array = add_array(facts, settings, action);
        array.unfinished = true;

        for (auto& disk : facts.disks)
                if (contains(action.serials, disk.serial)) {
                        make_member(disk, settings);
                        disk.devices = array.devices;
                }
}

StorageAction assemble_array(const std::vector<StoreDisk>& members)
{
        // Without a configuration: an mdadm.conf of another machine or of an earlier array has no effect.
        return array_of(
                Kind::assemble, members, {mdadm, "--assemble", "--config=none", "--run", array_link});
}

void foresee_assemble(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action)
{
        auto& array = add_array(facts, settings, action);
        array.content.type = "xfs";

        for (const auto& disk : facts.disks)
                if (contains(action.serials, disk.serial)) {
                        array.devices = disk.devices;
                        array.unfinished = array.unfinished || disk.unfinished;
                }
}

StorageAction add_to_array(const StoreArray& array, const StoreDisk& disk)
{
        return command_on(Kind::add, {disk.serial}, array.path, {mdadm, array.path, "--add", disk.path});
}

void foresee_add(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action)
{
        for (auto& array : facts.arrays)
                if (array.path == action.what)
                        array.serials.insert(
                                array.serials.end(), action.serials.begin(), action.serials.end());

        for (auto& disk : facts.disks)
                if (contains(action.serials, disk.serial))
                        make_member(disk, settings);
}

// ---- a device that is mounted

std::string cipher_path(const std::string& cipher)
{
        return "/dev/mapper/" + cipher;
}

StorageAction open_cipher(const Device& device, const std::string& cipher)
{
        // cryptsetup reads the key from the kernel. It is stored nowhere.
        auto action = command_on(Kind::encrypt, device.serials, cipher_path(cipher),
                {"/usr/sbin/cryptsetup", "open", "--type=plain", "--batch-mode", "--cipher=aes-xts-plain64",
                        "--key-size=512", "--key-file=/dev/urandom", device.path, cipher});
        action.lower = device.path;
        return action;
}

void foresee_encrypt(StorageFacts& facts, const StorageAction& action)
{
        auto& cipher = facts.opened[action.lower];
        cipher.path = action.what;
        cipher.content = {};
}

StorageAction make_filesystem(
        const LocalStorage& settings, const Device& device, const std::string& path, bool force)
{
        FilesystemOptions options{.force = force};

        const auto add = [&](std::string option, std::string value) {
                options.more.push_back(std::move(option));
                options.more.push_back(std::move(value));
        };

        // 32 KiB, whatever the array's chunks are.
        if (settings.filesystem == "xfs" && !has_log_unit(settings.mkfs_options))
                add("-l", "su=8b");

        // The next boot recognizes the disk by its label.
        if (!settings.is_array())
                add("-L", disk_label);

        options.more.insert(options.more.end(), settings.mkfs_options.begin(), settings.mkfs_options.end());

        return {.kind = Kind::format,
                .serials = device.serials,
                .command = mkfs_command(path, settings.filesystem, options),
                .what = path,
                .type = settings.filesystem,
                .lower = device.path};
}

void foresee_format(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action)
{
        const DiskContent content{.type = action.type, .label = settings.is_array() ? "" : disk_label};
        const auto format = [&](auto& device) {
                if (device.path != action.what)
                        return;
                device.content = content;
                device.unfinished = false;
        };

        if (settings.encrypt)
                facts.opened[action.lower].content = content;
        for (auto& array : facts.arrays)
                format(array);
        for (auto& disk : facts.disks)
                format(disk);
}

StorageAction mount_device(
        const Device& device, const std::string& path, const std::string& where, const std::string& type)
{
        return {.kind = Kind::mount, .serials = device.serials, .what = path, .where = where, .type = type};
}

void foresee_mount(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action)
{
        facts.mounts[action.where] = action.what;
        if (settings.is_array())
                return;

        for (auto& disk : facts.disks)
                if (contains(action.serials, disk.serial))
                        disk.mounted = action.where;
}

// ---- directories on the array

StorageAction fill_directory(const std::string& hidden, const std::string& directory, bool is_empty)
{
        return {.kind = is_empty ? Kind::prepare : Kind::copy, .what = hidden, .where = directory};
}

void foresee_directory(StorageFacts& facts, const StorageAction& action)
{
        facts.directories[action.where].exists = true;
}

StorageAction bind_directory(const std::string& directory, const std::string& where)
{
        return {.kind = Kind::bind, .what = directory, .where = where};
}

void foresee_bind(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action)
{
        // The kernel lists a bind mount with the device of its filesystem.
        facts.mounts[action.where] = facts.mounted_at(settings.array_directory());
}

} // namespace eks
