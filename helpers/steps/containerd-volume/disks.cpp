// SPDX-License-Identifier: Apache-2.0
#include "steps/containerd-volume/disks.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "storage/nvme.hpp"
#include "systemd/manager.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto soci_directory = "/var/lib/soci-snapshotter-grpc";

// The serial number of a disk, if it has one; else its path.
std::string name_of(const std::string& path)
{
        const auto devices = block_devices(Root());
        const auto found = std::ranges::find(devices, path, &BlockDevice::path);
        const bool has_serial = found != devices.end() && !found->serial.empty();
        return has_serial ? found->serial : path;
}

// Their models as udev says them, as eks-instance-store finds them.
std::vector<BlockDevice> announced_devices()
{
        auto devices = block_devices(Root());
        for (auto& device : devices)
                if (auto model = udev_property(device.path, "ID_MODEL"); !model.empty())
                        device.model = std::move(model);
        return devices;
}

std::string ask_for_mapping_name(const std::string& path)
{
        constexpr std::uint8_t identify = 0x06;
        constexpr std::uint32_t controller = 1;
        std::array<char, 4096> answer{};
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        nvme_admin_cmd command{};
        command.opcode = identify;
        command.addr = reinterpret_cast<std::uintptr_t>(answer.data()); // NOLINT: the kernel's interface
        command.data_len = answer.size();
        command.cdw10 = controller;

        if (!fd || ::ioctl(fd.get(), NVME_IOCTL_ADMIN_CMD, &command) != 0)
                return {};

        return mapping_name_in({answer.data(), answer.size()});
}

// The units that use what is mounted.
std::vector<std::string> users()
{
        return {"containerd.service", "soci-snapshotter.service"};
}

void mount_volume(const std::string& path, const std::string& type)
{
        Manager().mount({.what = path,
                                .where = std::string(containerd_directory),
                                .type = type,
                                .options = "noatime",
                                .description = fmt::format("Volume of containerd, {}", path),
                                .before = users()},
                mount_timeout());
}

} // namespace

std::string mapping_name_in(std::string_view identification)
{
        constexpr std::string_view amazon("\x0f\x1d", 2); // the PCI vendor, little endian
        constexpr std::size_t name_at = 3072;
        constexpr std::size_t name_length = 32;
        if (identification.size() < name_at + name_length || !identification.starts_with(amazon))
                return {};

        const auto name = identification.substr(name_at, name_length);
        return std::string(trim(name.substr(0, name.find('\0'))));
}

std::string volume_record_of(
        const std::string& instance, const VolumeSettings& volume, const std::string& known_as)
{
        return fmt::format("{} {} {}\n", instance, known_as, volume.name());
}

std::string recorded_disk(std::string_view record, const std::string& instance, const VolumeSettings& volume)
{
        const auto end = fmt::format(" {}\n", volume.name());
        if (!record.starts_with(instance + ' ') || !record.ends_with(end))
                return {};
        const auto rest = record.substr(instance.size() + 1);
        return std::string(rest.substr(0, rest.find(' ')));
}

void mount_soci_data()
{
        if (!mounted_in(read_file("/proc/self/mountinfo"), soci_directory).empty())
                return;
        Manager().mount({.what = std::string(containerd_directory) + "/soci-snapshotter-grpc",
                                .where = soci_directory,
                                .type = "none",
                                .options = "bind",
                                .description = "Data of soci-snapshotter on the Volume of containerd",
                                .before = users()},
                mount_timeout());
}

Disks real_disks(const Root& root, const std::string& instance)
{
        const UnfinishedDisks unfinished(root(formatting_mark), instance);
        const auto content = [unfinished](const std::string& path) {
                auto found = content_of(path);
                if (found && may_be_unfinished(path, *found) && unfinished.includes(name_of(path)))
                        found = DiskContent{.type = {},
                                .label = {},
                                .partition_label = found->partition_label,
                                .other = {},
                                .unfinished = true};
                return found;
        };

        const auto format = [unfinished, content](const std::string& path, const std::string& filesystem,
                                    const std::string& label) {
                const auto present = content(path);
                const auto command = mkfs_command(
                        path, filesystem, {.more = {"-L", label}, .force = present && present->unfinished});
                unfinished.begin({name_of(path)});
                run_disk_program(command, failure::mkfs_failed, fmt::format("disk {}: ", name_of(path)));
        };

        const auto mount = [unfinished](const std::string& path, const std::string& type) {
                unfinished.end(
                        {name_of(path)}); // a mounted filesystem is complete, and may hold data from now on
                mount_volume(path, type);
        };

        return {.list = announced_devices,
                .exists = [](const std::string& path) { return !device_number(path).empty(); },
                .content = content,
                .mapping_name = ask_for_mapping_name,
                .mount_point =
                        [](const std::string& path) {
                                return mount_point_in(
                                        read_file("/proc/self/mountinfo"), device_number(path));
                        },
                .mounted =
                        [](const std::string& directory) {
                                return mounted_in(read_file("/proc/self/mountinfo"), directory);
                        },
                .mount_unit = mount_unit_at,
                .format = format,
                .mount = mount,
                .recorded =
                        [file = root(volume_record), instance](const VolumeSettings& volume) {
                                const auto text = read_file_if_exists(file).value_or("");
                                return recorded_disk(text, instance, volume);
                        },
                .record =
                        [file = root(volume_record), instance](
                                const VolumeSettings& volume, const std::string& known_as) {
                                const auto text = volume_record_of(instance, volume, known_as);
                                if (read_file_if_exists(file) != text)
                                        write_atomically(file, text, 0644, Durability::synced);
                        }};
}

} // namespace eks
