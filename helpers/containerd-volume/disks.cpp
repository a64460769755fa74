// SPDX-License-Identifier: Apache-2.0
#include "disks.hpp"

#include <algorithm>
#include <array>
#include <blkid/blkid.h>
#include <cstring>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/manager.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto format_timeout = 120s; // for a slow, large disk
constexpr auto mount_timeout = 60s;   // a journal to be replayed
constexpr std::size_t first_bytes = 1U << 20U;
constexpr auto soci_directory = "/var/lib/soci-snapshotter-grpc";
constexpr auto unknown_data = "data of an unknown kind";

using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, Deleter<blkid_free_probe>>;

std::string value_of(const Probe& probe, const char* name)
{
        const char* text = nullptr;
        return ::blkid_probe_lookup_value(probe.get(), name, &text, nullptr) == 0 ? text : "";
}

// Data that the library does not recognise may still be valuable.
bool begins_with_zeros(int fd)
{
        std::vector<char> bytes(first_bytes);
        const auto length = ::pread(fd, bytes.data(), bytes.size(), 0);
        return length > 0 &&
               std::all_of(bytes.begin(), bytes.begin() + length, [](char c) { return c == 0; });
}

std::optional<DiskContent> content_of(const std::string& path)
{
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        const Probe probe(::blkid_new_probe());
        if (!fd || !probe || ::blkid_probe_set_device(probe.get(), fd.get(), 0, 0) != 0)
                return std::nullopt;
        ::blkid_probe_enable_superblocks(probe.get(), 1);
        ::blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE);
        ::blkid_probe_enable_partitions(probe.get(), 1);
        ::blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_ENTRY_DETAILS);
        const int result = ::blkid_do_safeprobe(probe.get());
        if (result == -1)
                return std::nullopt;
        DiskContent content{.type = value_of(probe, "TYPE"),
                .label = value_of(probe, "LABEL"),
                .partition_label = value_of(probe, "PART_ENTRY_NAME"),
                .other = {}};
        if (result == -2)
                content.other = "signatures of more than one kind";
        else if (const auto partitions = value_of(probe, "PTTYPE"); !partitions.empty())
                content.other = fmt::format("a partition table ({})", partitions);
        else if (content.type.empty() && !begins_with_zeros(fd.get()))
                content.other = unknown_data;
        return content;
}

// mkfs.xfs clears this mark in the superblock when it has finished. The kernel mounts no filesystem that has
// it.
bool is_half_made_xfs(const std::string& path)
{
        constexpr off_t in_progress_at = 126; // xfs_dsb.sb_inprogress
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        char in_progress = 0;
        return fd && ::pread(fd.get(), &in_progress, 1, in_progress_at) == 1 && in_progress != 0;
}

// Records that a disk is being formatted. If the machine stops meanwhile, the disk is neither blank nor
// complete, and the record shows that this step may format it again. Other such disks are never formatted.
class Formatting {
public:
        Formatting(const Root& root, std::string instance)
                : mark_(root(formatting_mark)), instance_(std::move(instance))
        {
        }

        void begin(const std::string& path) const
        {
                write_atomically(mark_, name(path), 0644, Durability::synced);
        }
        void end() const { remove_if_exists(mark_); }

        bool left_unfinished(const std::string& path, const DiskContent& content) const
        {
                const bool maybe =
                        content.other == unknown_data || (content.type == "xfs" && is_half_made_xfs(path));
                return maybe && read_file_if_exists(mark_) == name(path);
        }

private:
        // The record names disk and instance, because an image or a snapshot may carry it to another
        // instance.
        std::string name(const std::string& path) const
        {
                const auto devices = block_devices(Root());
                const auto found = std::ranges::find(devices, path, &BlockDevice::path);
                const bool has_serial = found != devices.end() && !found->serial.empty();
                return fmt::format("{} {}\n", instance_, has_serial ? found->serial : path);
        }

        std::string mark_;
        std::string instance_;
};

std::string device_number(const std::string& path)
{
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0 || !S_ISBLK(status.st_mode))
                return {};
        return fmt::format("{}:{}", major(status.st_rdev), minor(status.st_rdev));
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

void make_filesystem(const std::string& path, const std::string& filesystem, const std::string& label,
        bool over_unfinished, const Formatting& formatting)
{
        // Discarding takes long, and there is nothing to discard.
        auto command = filesystem == "xfs"
                               ? std::vector<std::string>{"/usr/sbin/mkfs.xfs", "-q", "-K", "-L", label}
                               : std::vector<std::string>{
                                         "/usr/sbin/mkfs.ext4", "-q", "-E", "nodiscard", "-L", label};
        if (over_unfinished)
                command.emplace_back(filesystem == "xfs" ? "-f" : "-F");
        command.push_back(path);
        if (!exists(command.front()))
                throw Error(failure::volume_failed, fmt::format("'{}' is not installed", command.front()),
                        filesystem == "xfs"
                                ? "Install xfsprogs, or choose ext4 by containerd.volume.filesystem"
                                : "Install e2fsprogs");
        formatting.begin(path);
        const auto result = run_program(command, format_timeout);
        if (result.timed_out || result.status != 0)
                throw Error(failure::volume_failed,
                        fmt::format("`{}` {}: {}", join(command, " "),
                                result.timed_out ? "did not end in time"
                                                 : fmt::format("ended with status {}", result.status),
                                trim(result.output)),
                        "See `journalctl -k` for errors of the disk");
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
                mount_timeout);
}

// The fields of a line, before the optional ones: id, parent, device, root, mount point.
std::vector<std::string_view> mount_fields(std::string_view line)
{
        auto fields = split(line, ' ');
        return fields.size() >= 6 ? fields : std::vector<std::string_view>(6);
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

std::string mount_point_in(std::string_view mountinfo, std::string_view device)
{
        for (const auto line : lines(mountinfo))
                if (const auto fields = mount_fields(line); fields[2] == device)
                        return std::string(fields[4]);
        return {};
}

std::string mounted_in(std::string_view mountinfo, std::string_view directory)
{
        std::string source;
        for (const auto line : lines(mountinfo)) {
                if (mount_fields(line)[4] != directory)
                        continue;
                const auto dash = line.find(" - "); // then: type, source, options
                const auto rest = dash == line.npos ? std::vector<std::string_view>()
                                                    : split(line.substr(dash + 3), ' ');
                source = rest.size() >= 2 ? std::string(rest[1]) : "something";
        }
        return source;
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
                mount_timeout);
}

Disks real_disks(const Root& root, const std::string& instance)
{
        const Formatting formatting(root, instance);
        const auto content = [formatting](const std::string& path) {
                auto found = content_of(path);
                if (found && formatting.left_unfinished(path, *found))
                        found = DiskContent{.type = {},
                                .label = {},
                                .partition_label = found->partition_label,
                                .other = {},
                                .unfinished = true};
                return found;
        };
        const auto format = [formatting, content](const std::string& path, const std::string& filesystem,
                                    const std::string& label) {
                const auto present = content(path);
                make_filesystem(path, filesystem, label, present && present->unfinished, formatting);
        };
        const auto mount = [formatting](const std::string& path, const std::string& type) {
                formatting.end(); // a mounted filesystem is complete, and may hold data from now on
                mount_volume(path, type);
        };
        return {.list = [] { return block_devices(Root()); },
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
                .format = format,
                .mount = mount};
}

} // namespace eks
