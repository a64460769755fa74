// SPDX-License-Identifier: Apache-2.0
#include "storage/disks.hpp"

#include <algorithm>
#include <blkid/blkid.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/proc_path.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "systemd/manager.hpp"

namespace eks {

namespace {

constexpr std::size_t first_bytes = 1U << 20U;
constexpr std::string_view class_directory = "/sys/class/block";
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

// mkfs.xfs clears this mark in the superblock when it has finished. The kernel mounts no filesystem that has
// it.
bool is_half_made_xfs(const std::string& path)
{
        constexpr off_t in_progress_at = 126; // xfs_dsb.sb_inprogress
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        char in_progress = 0;
        return fd && ::pread(fd.get(), &in_progress, 1, in_progress_at) == 1 && in_progress != 0;
}

// The fields of a line, before the optional ones: id, parent, device, root, mount point.
std::vector<std::string_view> mount_fields(std::string_view line)
{
        auto fields = split(line, ' ');
        return fields.size() >= 6 ? fields : std::vector<std::string_view>(6);
}

} // namespace

std::vector<BlockDevice> block_devices(const Root& root)
{
        std::vector<BlockDevice> devices;
        const auto text = [&](const std::string& name, const char* file) {
                return std::string(
                        trim(read_file_if_exists(root(fmt::format("{}/{}/{}", class_directory, name, file)))
                                        .value_or("")));
        };

        for (const auto& name : list_directory(root(class_directory)))
                if (!name.starts_with("ram") && !name.starts_with("zram") && text(name, "size") != "0")
                        devices.push_back(
                                {"/dev/" + name, text(name, "device/model"), text(name, "device/serial")});

        return devices;
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

bool DiskContent::is_unknown() const
{
        return other == unknown_data;
}

bool may_be_unfinished(const std::string& path, const DiskContent& content)
{
        return content.is_unknown() || (content.type == "xfs" && is_half_made_xfs(path));
}

std::string device_number(const std::string& path)
{
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0 || !S_ISBLK(status.st_mode))
                return {};
        return fmt::format("{}:{}", major(status.st_rdev), minor(status.st_rdev));
}

std::string mount_point_in(std::string_view mountinfo, std::string_view device)
{
        for (const auto line : lines(mountinfo))
                if (const auto fields = mount_fields(line); fields[2] == device)
                        return unescaped(fields[4]);
        return {};
}

std::string mounted_in(std::string_view mountinfo, std::string_view directory)
{
        std::string source;
        for (const auto line : lines(mountinfo)) {
                if (unescaped(mount_fields(line)[4]) != directory)
                        continue;
                const auto dash = line.find(" - "); // then: type, source, options
                const auto rest = dash == line.npos ? std::vector<std::string_view>()
                                                    : split(line.substr(dash + 3), ' ');
                source = rest.size() >= 2 ? unescaped(rest[1]) : "something";
        }

        return source;
}

bool is_model(std::string model, std::string_view of)
{
        std::ranges::replace(model, '_', ' ');
        return trim(model) == of;
}

std::string mount_unit_at(const std::string& directory)
{
        const auto name = mount_unit_name(directory);
        for (const auto* const units : {"/etc/systemd/system", "/run/systemd/system",
                     "/run/systemd/generator.early", "/run/systemd/generator", "/run/systemd/generator.late",
                     "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"})
                if (auto file = fmt::format("{}/{}", units, name); exists(file))
                        return file;
        return {};
}

Error mount_unit_in_the_way(const Failure& failure, const std::string& source, const std::string& unit,
        const std::string& directory)
{
        return {failure,
                fmt::format("{}: '{}' is there to mount something else at '{}'", source, unit, directory),
                "Remove it, with the line of /etc/fstab that it may be of, and run `systemctl daemon-reload`"};
}

void UnfinishedDisks::begin(const std::vector<std::string>& names) const
{
        std::string text;
        for (const auto& name : names)
                text += fmt::format("{} {}\n", instance_, name);
        write_atomically(file_, text, 0644, Durability::synced);
}

void UnfinishedDisks::end(const std::vector<std::string>& names) const
{
        auto left = this->names();
        const auto before = left.size();
        std::erase_if(left, [&](const std::string& name) { return std::ranges::count(names, name) > 0; });

        if (left.empty())
                remove_if_exists(file_, Durability::synced); // what is written from now on is data
        else if (left.size() < before)
                begin(left);
}

bool UnfinishedDisks::includes(const std::string& name) const
{
        return std::ranges::count(names(), name) > 0;
}

std::vector<std::string> UnfinishedDisks::names() const
{
        std::vector<std::string> names;
        const auto text = read_file_if_exists(file_).value_or("");
        const auto ours = instance_ + ' ';
        for (const auto line : lines(text))
                if (line.starts_with(ours))
                        names.emplace_back(line.substr(ours.size()));
        return names;
}

std::vector<std::string> mkfs_command(
        const std::string& path, const std::string& filesystem, const FilesystemOptions& options)
{
        auto command = filesystem == "xfs" ? std::vector<std::string>{"/usr/sbin/mkfs.xfs", "-q", "-K"}
                                           : std::vector<std::string>{"/usr/sbin/mkfs.ext4", "-q"};

        if (filesystem == "ext4") {
                // The last -E counts.
                std::string extended = "nodiscard";
                for (auto option = options.more.begin(); option != options.more.end(); ++option)
                        if (*option == "-E" && option + 1 != options.more.end())
                                extended += "," + *++option;
                        else if (option->starts_with("-E"))
                                extended += "," + option->substr(2);
                        else
                                command.push_back(*option);
                command.insert(command.end(), {"-E", extended});
        } else {
                command.insert(command.end(), options.more.begin(), options.more.end());
        }

        if (options.force)
                command.emplace_back(filesystem == "xfs" ? "-f" : "-F");
        command.push_back(path);

        return command;
}

void run_disk_program(const std::vector<std::string>& command, const Failure& refusal,
        const std::string& about, std::chrono::milliseconds limit)
{
        const auto& program = command.front();
        if (!exists(program)) {
                const auto name = program.substr(program.rfind('/') + 1);
                const auto* const package = name == "mkfs.xfs"    ? "xfsprogs, or choose ext4"
                                            : name == "mkfs.ext4" ? "e2fsprogs"
                                                                  : name.c_str();
                throw Error(refusal, fmt::format("{}'{}' is not installed", about, program),
                        fmt::format("Install {}", package));
        }

        const auto result = run_program(command, limit);
        const auto reported = lines(trim(result.output)); // mkfs's first line says why; others are its usage
        if (result.timed_out || result.status != 0)
                throw Error(result.timed_out ? failure::storage_timeout : refusal,
                        fmt::format("{}`{}` {}: {}", about, join(command, " "),
                                result.timed_out ? "did not end in time"
                                                 : fmt::format("ended with status {}", result.status),
                                reported.empty() ? "it printed nothing" : reported.front()),
                        "See `journalctl -k` for errors of the disk");
}

} // namespace eks
