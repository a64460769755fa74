// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/machine.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "steps/instance-store/copy.hpp"
#include "storage/nvme.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using Kind = StorageAction::Kind;

constexpr auto mount_timeout = 60s; // a journal to be replayed
constexpr std::string_view blocks = "/sys/class/block/";
constexpr std::uint64_t sector = 512;
constexpr std::string_view disk_word = "disk"; // of a disk that was there from the start, in the record

bool has_attribute(const std::string& name, const char* file)
{
        return exists(fmt::format("{}{}/{}", blocks, name, file));
}

std::vector<std::string> below(const std::string& name, const char* directory)
{
        return list_directory(fmt::format("{}{}/{}", blocks, name, directory));
}

bool is_partition(const std::string& name)
{
        return has_attribute(name, "partition");
}

std::string mountinfo()
{
        return read_file("/proc/self/mountinfo");
}

// What uses a device or a partition of it, besides our arrays and ciphers.
std::string use_of(const std::string& name, const std::string& mounts)
{
        for (const auto& holder : below(name, "holders"))
                if (!holder.starts_with("md") &&
                        !block_attribute(holder, "dm/name").starts_with("eks-instance-store-"))
                        return fmt::format("is a part of '/dev/{}'", holder);
        if (read_file_if_exists("/proc/swaps").value_or("").find(fmt::format("/dev/{} ", name)) !=
                std::string::npos)
                return "is used as swap";
        for (const auto& part : list_directory(fmt::format("{}{}", blocks, name))) {
                if (!part.starts_with(name) || !is_partition(part))
                        continue;
                if (const auto place = mount_point_in(mounts, block_attribute(part, "dev")); !place.empty())
                        return fmt::format("has a partition that is mounted at '{}'", place);
                if (!below(part, "holders").empty())
                        return fmt::format(
                                "has a partition that '/dev/{}' uses", below(part, "holders").front());
        }
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

// It, or the nearest directory above it.
std::string nearest_that_exists(std::string path)
{
        while (path.size() > 1 && !exists(path))
                path = std::filesystem::path(path).parent_path();
        return path;
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

Error failed(const std::string& what, int error)
{
        return {failure::volume_failed, fmt::format("{}: {}", what, ::strerror(error)),
                "See `journalctl -k` for errors of the disk"};
}

// The label of SELinux, if there is one.
void copy_label(const std::string& from, const std::string& to)
{
        constexpr auto name = "security.selinux";
        std::array<char, 4096> label{};
        const auto length = ::lgetxattr(from.c_str(), name, label.data(), label.size());
        if (length > 0 &&
                ::lsetxattr(to.c_str(), name, label.data(), static_cast<std::size_t>(length), 0) != 0 &&
                errno != ENOTSUP)
                throw failed(fmt::format("cannot set the label of '{}'", to), errno);
}

// Mode, owner and label are those of the directory that will be hidden. If it does not exist, the label is
// the one that it would have had from the directory above. It has its name only then.
void make_like(const std::string& path, const std::string& like, unsigned mode_if_absent)
{
        struct stat status {};
        const bool known = ::stat(like.c_str(), &status) == 0;
        const auto partial = path + ".partial";
        std::error_code ignored;
        std::filesystem::remove_all(partial, ignored);
        make_directories(partial);
        const auto mode = known ? status.st_mode & 07777U : mode_if_absent;
        if ((known && ::chown(partial.c_str(), status.st_uid, status.st_gid) != 0) ||
                ::chmod(partial.c_str(), mode) != 0)
                throw failed(fmt::format("cannot set the mode of '{}'", path), errno);
        copy_label(nearest_that_exists(like), partial);
        if (::rename(partial.c_str(), path.c_str()) != 0)
                throw failed(fmt::format("cannot finish '{}'", path), errno);
}

unsigned mode_of(const LocalStorage& settings, const std::string& path)
{
        for (const auto& directory : bound_directories(settings))
                if (directory.path == path)
                        return directory.mode;
        return 0700;
}

// While mdadm makes an array, this file says so to udev, which keeps the device from the manager. After
// mdadm was killed, no mount of the device would ever start.
void announce_array(const std::string& path)
{
        const auto name = path.substr(path.rfind('/') + 1);
        const auto creating = fmt::format("/run/mdadm/creating-{}", name);
        if (!exists(creating))
                return;
        remove_if_exists(creating);
        constexpr std::string_view event = "change";
        const auto file = fmt::format("{}{}/uevent", blocks, name);
        const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
        if (!fd || ::write(fd.get(), event.data(), event.size()) != static_cast<ssize_t>(event.size()))
                throw failed(fmt::format("cannot announce '{}' to udev", path), errno);
}

std::vector<std::string> serials_of(const std::vector<StorageAction>& actions)
{
        std::vector<std::string> serials;
        for (const auto& action : actions)
                serials.insert(serials.end(), action.serials.begin(), action.serials.end());
        return serials;
}

// Side by side; all have ended before the failure of one is thrown.
void run(const std::vector<StorageAction>& actions)
{
        std::vector<std::exception_ptr> failures(actions.size());
        const auto run_one = [&](std::size_t index) {
                const auto& action = actions[index];
                try {
                        run_disk_program(action.command, failure_of(action.kind),
                                action.serials.empty()
                                        ? ""
                                        : fmt::format("disk {}: ", join(action.serials, ", ")));
                } catch (...) {
                        failures[index] = std::current_exception();
                }
        };
        {
                std::vector<std::jthread> others;
                for (std::size_t i = 1; i < actions.size(); ++i)
                        others.emplace_back(run_one, i);
                run_one(0);
        }
        const auto first =
                std::ranges::find_if(failures, [](const auto& failure) { return failure != nullptr; });
        if (first == failures.end())
                return;
        std::string also;
        for (auto other = first + 1; other != failures.end(); ++other)
                if (*other)
                        also += fmt::format("{}{}", also.empty() ? "" : ", ",
                                join(actions[static_cast<std::size_t>(other - failures.begin())].serials,
                                        ", "));
        try {
                std::rethrow_exception(*first);
        } catch (const Error& error) {
                if (also.empty())
                        throw;
                throw Error(error.failure(), fmt::format("{}; it fails for {}, too", error.what(), also),
                        error.remedy());
        }
}

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

StorageMachine::StorageMachine(const LocalStorage& settings, const std::string& instance)
        : settings_(&settings), making_(std::string(making_mark), instance)
{
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
                // One that is gone stays in the list of a RAID0 array.
                if (!exists(std::string(blocks) + member))
                        continue;
                const auto found = std::ranges::find(disks, "/dev/" + member, &StoreDisk::path);
                array.serials.push_back(found == disks.end() ? "" : found->serial);
        }
        std::ranges::sort(array.serials);
        if (array.active)
                array.content = content_of(array.path).value_or(DiskContent{.other = "what cannot be read"});
        array.half_made = !array.serials.empty() &&
                          std::ranges::all_of(array.serials,
                                  [&](const auto& serial) { return making_.includes(serial); });
        const auto mounts = mountinfo();
        array.in_use = use_of(name, mounts);
        const auto place = mount_point_in(mounts, block_attribute(name, "dev"));
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
                const auto name = disk.path.substr(5);
                disk.mounted = mount_point_in(mounts, block_attribute(name, "dev"));
                disk.came_later = came_later(record, disk.serial);
                disk.in_use = use_of(name, mounts);
                disk.content = content_of(disk.path).value_or(DiskContent{.other = "what cannot be read"});
                disk.half_made = making_.includes(disk.serial) && may_be_half_made(disk.path, disk.content);
                if (disk.content.type == member_type)
                        read_member(disk, first_bytes(disk.path, member_bytes));
        }
        for (const auto& name : list_directory(std::string(blocks))) {
                if (name.starts_with("md") && has_attribute(name, "md") && !below(name, "slaves").empty())
                        facts.arrays.push_back(array(name, facts.disks));
                const auto cipher = block_attribute(name, "dm/name");
                if (!cipher.starts_with("eks-instance-store-"))
                        continue;
                const auto path = "/dev/mapper/" + cipher;
                // Mounted is the device below it, as far as this step decides.
                const auto place = mount_point_in(mounts, block_attribute(name, "dev"));
                for (const auto& lower_name : below(name, "slaves")) {
                        auto content =
                                content_of(path).value_or(DiskContent{.other = "what cannot be read"});
                        // mkfs was stopped. What is under our name is of this boot and of this step.
                        content.unfinished = may_be_half_made(path, content);
                        facts.opened["/dev/" + lower_name] = {.path = path, .content = content};
                        for (auto& disk : facts.disks)
                                if (disk.path == "/dev/" + lower_name)
                                        disk.mounted = place;
                }
        }
        look_at_mounts(facts);
        return facts;
}

void StorageMachine::look_at_mounts(StorageFacts& facts) const
{
        const auto mounts = mountinfo();
        const auto look = [&](const std::string& path) {
                auto& directory = facts.directories[path] = directory_at(path);
                if (const auto there = mounted_in(mounts, path); !there.empty())
                        facts.mounts[path] = there;
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

void StorageMachine::await_mounts(StorageFacts& facts)
{
        using Clock = std::chrono::steady_clock;
        const auto end = Clock::now() + mount_timeout;
        bool found = false;
        for (const auto& [path, directory] : facts.directories)
                if (!directory.unit.empty()) {
                        found = true;
                        manager().wait_for_job(mount_unit_name(path),
                                std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()));
                }
        if (found)
                look_at_mounts(facts);
}

Manager& StorageMachine::manager()
{
        if (!manager_)
                manager_.emplace();
        return *manager_;
}

std::vector<std::string> StorageMachine::record(const std::vector<std::string>& serials)
{
        auto names = making_.names();
        std::vector<std::string> added;
        std::ranges::copy_if(serials, std::back_inserter(added),
                [&](const auto& serial) { return std::ranges::find(names, serial) == names.end(); });
        names.insert(names.end(), added.begin(), added.end());
        if (!added.empty())
                making_.begin(names);
        return added;
}

// mkfs may refuse before it writes. What is below a cipher is then still a filesystem, which the next run
// mounts if encrypt is taken back; mkfs begins with overwriting the old superblock.
void StorageMachine::format(const std::vector<StorageAction>& actions)
{
        const auto added = record(serials_of(actions));
        try {
                run(actions);
        } catch (const Error&) {
                std::vector<std::string> untouched;
                for (const auto& action : actions)
                        if (settings_->encrypt &&
                                is_filesystem(content_of(action.lower).value_or(DiskContent{})))
                                std::ranges::copy_if(action.serials, std::back_inserter(untouched),
                                        [&](const auto& serial) {
                                                return std::ranges::find(added, serial) != added.end();
                                        });
                making_.end(untouched);
                throw;
        }
}

Manager::StartedMount StorageMachine::start_mount(
        const StorageAction& action, const char* options, const std::string& description)
{
        return manager().start_mount({.what = action.what,
                                             .where = action.where,
                                             .type = action.type.empty() ? "none" : action.type,
                                             .options = options,
                                             .description = description,
                                             // At shutdown it is unmounted after these have stopped.
                                             .before = {"containerd.service", "kubelet.service",
                                                     "kubepods.slice", "soci-snapshotter.service"}},
                mount_timeout);
}

void StorageMachine::end_record(const StorageFacts& facts)
{
        if (settings_->encrypt) // is made again at each boot
                return;
        std::vector<std::string> complete;
        const auto place = facts.mounts.find(settings_->array_directory());
        // What is under a cipher, of a run with encrypt, looks like random data at the next boot.
        for (const auto& array : facts.arrays)
                if (place != facts.mounts.end() && place->second == array.path)
                        complete.insert(complete.end(), array.serials.begin(), array.serials.end());
        for (const auto& disk : facts.disks)
                if (!disk.mounted.empty() && !facts.opened.contains(disk.path))
                        complete.push_back(disk.serial);
        making_.end(complete);
}

void StorageMachine::finish()
{
        for (const auto& mount : std::exchange(started_, {}))
                manager().finish_mount(mount, mount_timeout);
}

void StorageMachine::perform(const std::vector<StorageAction>& actions)
{
        const auto& action = actions.front();
        switch (action.kind) {
        case Kind::format:
                format(actions);
                break;
        case Kind::wipe:
        case Kind::create:
                record(serials_of(actions));
                [[fallthrough]];
        case Kind::encrypt: // cryptsetup writes nothing on the disk
        case Kind::stop:
        case Kind::assemble:
        case Kind::add:
                run(actions);
                break;
        case Kind::mount:
                // What is mounted is complete, and may hold data from now on. Without its key, a disk of an
                // earlier boot holds none.
                if (!settings_->encrypt)
                        making_.end(serials_of(actions));
                for (const auto& one : actions) {
                        announce_array(one.what);
                        started_.push_back(start_mount(one, "noatime",
                                fmt::format("Instance Store on {}, {} {}", one.what,
                                        one.serials.size() == 1 ? "Disk" : "Disks",
                                        join(one.serials, ", "))));
                }
                if (settings_->is_array())
                        finish();
                break;
        case Kind::copy:
                copy_directory(action.what, action.where);
                break;
        case Kind::prepare:
                make_like(action.where, action.what, mode_of(*settings_, action.what));
                break;
        case Kind::bind:
                started_.push_back(
                        start_mount(action, "bind", fmt::format("{} on the Instance Store", action.where)));
                break;
        }
}

bool came_later(const std::optional<std::string>& record, std::string_view serial)
{
        if (!record) // no run has ended well since the boot
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
                        // The others have a disk of another kind.
                        if (std::ranges::find(array.serials, "") == array.serials.end())
                                text += fmt::format("array {} RAID{} of {}\n", array.path, array.level,
                                        join(array.serials, ", "));
        for (const auto& [directory, device] : facts.mounts)
                text += fmt::format("mount {} {}\n", directory, device);
        return text;
}

} // namespace eks
