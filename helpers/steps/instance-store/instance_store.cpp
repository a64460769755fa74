// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/instance_store.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using Kind = StorageAction::Kind;

constexpr auto array_link = "/dev/md/kubernetes";
constexpr std::string_view array_name = "kubernetes";
constexpr auto disk_label = "eks-disk"; // of a filesystem that this step makes on a disk
constexpr std::size_t fewest_of_raid10 = 4;
constexpr auto mdadm = "/usr/sbin/mdadm";
// The modes are those with which their daemons make them.
constexpr std::array bound{BoundDirectory{"Kubelet", "/var/lib/kubelet", "kubelet", 0750},
        BoundDirectory{"Containerd", "/var/lib/containerd", "containerd", 0700},
        BoundDirectory{"SOCI", "/var/lib/soci-snapshotter-grpc", "soci-snapshotter-grpc", 0700},
        BoundDirectory{"PodLogs", "/var/log/pods", "pods", 0755}};

std::vector<std::string> serials_of(const std::vector<StoreDisk>& disks)
{
        std::vector<std::string> serials;
        for (const auto& disk : disks)
                serials.push_back(disk.serial);
        return serials;
}

int level_of(const LocalStorage& settings)
{
        return settings.strategy == LocalStorage::Strategy::raid10 ? 10 : 0;
}

// The name alone is no proof: whoever calls a mirror of his data so keeps it.
bool is_member_of_ours(const StoreDisk& disk)
{
        return disk.content.type == member_type && disk.content.other.empty() &&
               is_our_array(disk.content.label) && (disk.level == 0 || disk.level == 10);
}

bool contains(const std::vector<std::string>& list, const std::string& item)
{
        return std::ranges::find(list, item) != list.end();
}

std::string cipher_of(unsigned index)
{
        return fmt::format("eks-instance-store-{}", index);
}

std::string mapped(const std::string& cipher)
{
        return "/dev/mapper/" + cipher;
}

// mkfs.xfs takes it once.
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

// A device to be mounted: the array, or a disk.
struct Target {
        std::string path;
        unsigned index;
        const DiskContent* content;
        bool half_made;
        std::vector<std::string> serials;
};

class Planner {
public:
        Planner(const LocalStorage& settings, const StorageFacts& facts, std::vector<std::string>& notes)
                : settings_(&settings), facts_(&facts), notes_(&notes),
                  disks_(instance_store_disks(facts.disks))
        {
        }

        std::optional<StorageAction> next()
        {
                if (disks_.empty()) {
                        note("this machine has no instance store");
                        return std::nullopt;
                }
                if (!settings_->is_array())
                        return next_of_disks();
                // Nothing is put below what runs, and of an array that is mounted any disk may come again.
                auto all = arrays_of_store();
                std::erase_if(all, [&](const StoreArray* array) {
                        return std::ranges::all_of(array->serials,
                                [&](const auto& serial) { return disk_of(serial)->came_later; });
                });
                for (const auto& disk : disks_)
                        if (disk.came_later)
                                note_later(disk);
                std::erase_if(disks_, [](const StoreDisk& disk) { return disk.came_later; });
                return disks_.empty() ? std::nullopt : next_of_array(all);
        }

private:
        void note(const std::string& text)
        {
                if (!contains(*notes_, text))
                        notes_->push_back(text);
        }

        void note_later(const StoreDisk& disk)
        {
                note(fmt::format("{} came after the boot and is left alone", disk.named()));
        }

        Error refusal(const Failure& failure, const std::string& what, const std::string& remedy) const
        {
                return {failure, fmt::format("{}: {}", settings_->source, what), remedy};
        }

        Error foreign(const Target& target) const
        {
                return refusal(failure::disk_foreign,
                        fmt::format("no disk was written: {} of {} holds {}", target.path,
                                join(target.serials, ", "), target.content->what()),
                        "If the data is not needed, set instance.localStorage.force");
        }

        Error used(const StoreArray& array, std::string_view and_what, const std::string& remedy) const
        {
                return refusal(failure::disk_in_use,
                        fmt::format("{} of {} {}{}", array.path, join(array.serials, ", "), array.in_use,
                                and_what),
                        remedy);
        }

        // What uses a disk that this step does not; "" if nothing.
        std::string use_of(const StoreDisk& disk) const
        {
                if (!disk.in_use.empty())
                        return disk.in_use;
                if (!disk.mounted.empty())
                        return fmt::format("is mounted at '{}'", disk.mounted);
                for (const auto& array : facts_->arrays)
                        if (contains(array.serials, disk.serial) && !is_of_store(array))
                                return fmt::format("is a part of '{}'", array.path);
                return {};
        }

        // Why this step must not write a disk; "" if it may.
        std::string objection(const StoreDisk& disk) const
        {
                if (auto use = use_of(disk); !use.empty())
                        return use;
                const auto& content = disk.content;
                const bool ours = is_member_of_ours(disk) || disk.half_made ||
                                  (is_filesystem(content) && content.label == disk_label);
                if (content.blank() || ours || settings_->force)
                        return {};
                return fmt::format("holds {}{}", content.what(),
                        content.label.empty() ? "" : fmt::format(" '{}'", content.label));
        }

        void refuse_what_is_not_ours(const std::vector<StoreDisk>& disks) const
        {
                std::vector<std::string> texts;
                bool in_use = false;
                for (const auto& disk : disks)
                        if (const auto why = objection(disk); !why.empty()) {
                                texts.push_back(fmt::format("{} {}", disk.named(), why));
                                in_use = in_use || !use_of(disk).empty();
                        }
                if (texts.empty())
                        return;
                throw refusal(in_use ? failure::disk_in_use : failure::disk_foreign,
                        "no disk was written: " + join(texts, ", "),
                        in_use ? "Stop what uses the disk, or remove instance.localStorage.strategy"
                               : "If the data is not needed, run `wipefs -a` and `blkdiscard -z` on the disk, or set "
                                 "instance.localStorage.force");
        }

        // Whether all disks of an array are of the instance store and were made members of it by this step.
        bool is_of_store(const StoreArray& array) const
        {
                return !array.serials.empty() && std::ranges::all_of(array.serials, [&](const auto& serial) {
                        const auto disk = disk_of(serial);
                        return disk != disks_.end() && is_member_of_ours(*disk);
                });
        }

        std::vector<StoreDisk>::const_iterator disk_of(const std::string& serial) const
        {
                return std::ranges::find(disks_, serial, &StoreDisk::serial);
        }

        std::vector<const StoreArray*> arrays_of_store() const
        {
                std::vector<const StoreArray*> found;
                for (const auto& array : facts_->arrays)
                        if (is_of_store(array))
                                found.push_back(&array);
                return found;
        }

        bool is_complete(unsigned present, unsigned devices) const
        {
                // RAID10 holds each block twice.
                return present == devices || (level_of(*settings_) == 10 && present + 1 == devices);
        }

        std::optional<StorageAction> next_of_array(const std::vector<const StoreArray*>& arrays)
        {
                for (const auto* array : arrays)
                        if (array->active && array->level == level_of(*settings_) &&
                                is_complete(static_cast<unsigned>(array->serials.size()), array->devices))
                                return next_on_array(*array);
                for (const auto* array : arrays)
                        refuse_broken(*array);
                // Only what no program uses is stopped.
                for (const auto* array : arrays)
                        if (!array->in_use.empty())
                                throw used(*array, ", and is not the array that is configured",
                                        "Reboot, after you have stopped what uses it");
                refuse_place(settings_->array_directory(), serials_of(disks_));
                refuse_bound();
                const auto members = members_of_one_array();
                if (members.empty())
                        refuse_too_few();
                refuse_what_is_not_ours(members.empty() ? disks_ : members);
                if (!arrays.empty())
                        return stop(*arrays.front());
                if (!members.empty())
                        return assemble(members);
                return create();
        }

        void refuse_bound() const
        {
                for (const auto& [name, path, sub, mode] : bound_directories(*settings_))
                        if (const std::string where(path); mounted_at(where).empty()) {
                                refuse_obstacle(where);
                                refuse_unit(where);
                                refuse_read_only(where);
                        }
        }

        // It is mounted, and what uses it gets errors.
        void refuse_broken(const StoreArray& array) const
        {
                const auto opened = facts_->opened.find(array.path);
                const auto& device = opened == facts_->opened.end() ? array.path : opened->second.path;
                if (array.level == level_of(*settings_) && array.serials.size() < array.devices &&
                        mounted_at(settings_->array_directory()) == device)
                        throw refusal(failure::array_failed,
                                fmt::format("{} of the {} disks of '{}', which is mounted, are left: {}",
                                        array.serials.size(), array.devices, array.path,
                                        join(array.serials, ", ")),
                                "See `journalctl -k`. Save what can be read, then stop and start the instance, "
                                "which gives it other disks");
        }

        using Members = std::map<std::string, std::vector<StoreDisk>>; // by the id of their array
        Members members_of_arrays() const
        {
                Members by_id;
                for (const auto& disk : disks_)
                        if (is_member_of_ours(disk) && disk.level == level_of(*settings_))
                                by_id[disk.array_id].push_back(disk);
                return by_id;
        }

        void refuse_too_few() const
        {
                if (!settings_->force)
                        refuse_missing();
                if (settings_->strategy == LocalStorage::Strategy::raid10 &&
                        disks_.size() < fewest_of_raid10)
                        throw Error(failure::disks_too_few,
                                fmt::format("{}: RAID10 needs {} disks, and the instance store has {}: {}",
                                        settings_->source, fewest_of_raid10, disks_.size(),
                                        join(serials_of(disks_), ", ")),
                                "Set instance.localStorage.strategy to RAID0 or Mount, or choose an instance type "
                                "with more disks");
        }

        // A disk that is late is not lost: another one is in the place of those that are. Where one is known
        // to be late, the others may be beyond the array.
        void refuse_missing() const
        {
                for (const auto& [id, members] : members_of_arrays())
                        if ((facts_->late || members.size() == disks_.size()) &&
                                members.size() < members.front().devices)
                                throw refusal(failure::disks_missing,
                                        fmt::format(
                                                "no disk was written: {} of the {} disks of the array are there: {}",
                                                members.size(), members.front().devices,
                                                join(serials_of(members), ", ")),
                                        "If the others do not come, stop and start the instance, or set "
                                        "instance.localStorage.force, which makes the array again without its data");
        }

        std::vector<StoreDisk> members_of_one_array() const
        {
                for (const auto& [id, members] : members_of_arrays())
                        if (is_complete(static_cast<unsigned>(members.size()), members.front().devices))
                                return members;
                return {};
        }

        // A mdadm.conf of another machine or an earlier array must not matter.
        StorageAction assemble(const std::vector<StoreDisk>& members) const
        {
                StorageAction action{.kind = Kind::assemble,
                        .serials = serials_of(members),
                        .command = {mdadm, "--assemble", "--config=none", "--run", array_link},
                        .what = array_link};
                for (const auto& disk : members)
                        action.command.push_back(disk.path);
                return action;
        }

        std::optional<StorageAction> create() const
        {
                for (const auto& disk : disks_)
                        if (!disk.content.blank())
                                return wipe(disk);
                StorageAction action{.kind = Kind::create,
                        .serials = serials_of(disks_),
                        .command = {mdadm, "--create", array_link, "--config=none", "--run", "--force",
                                "--metadata=1.2", fmt::format("--level={}", level_of(*settings_)),
                                fmt::format("--name={}", array_name),
                                fmt::format("--raid-devices={}", disks_.size())},
                        .what = array_link};
                for (const auto& disk : disks_)
                        action.command.push_back(disk.path);
                return action;
        }

        static StorageAction stop(const StoreArray& array)
        {
                return {.kind = Kind::stop,
                        .serials = array.serials,
                        .command = {mdadm, "--stop", array.path},
                        .what = array.path};
        }

        static StorageAction wipe(const StoreDisk& disk)
        {
                return {.kind = Kind::wipe,
                        .serials = {disk.serial},
                        .command = {"/usr/sbin/wipefs", "--all", disk.path},
                        .what = disk.path};
        }

        std::optional<StorageAction> next_on_array(const StoreArray& array)
        {
                refuse_bound();
                for (const auto& disk : disks_) {
                        if (contains(array.serials, disk.serial))
                                continue;
                        const bool wanted = array.serials.size() < array.devices && objection(disk).empty();
                        if (!wanted) {
                                note(fmt::format("{} is not in the array and is left alone", disk.named()));
                                continue;
                        }
                        if (!disk.content.blank())
                                return wipe(disk);
                        return StorageAction{.kind = Kind::add,
                                .serials = {disk.serial},
                                .command = {mdadm, array.path, "--add", disk.path},
                                .what = array.path};
                }
                const Target target{array.path, 0, &array.content, array.half_made, array.serials};
                if (!array.in_use.empty())
                        throw used(array, "", "Stop what uses it, or remove instance.localStorage.strategy");
                if (auto action = next_on_target(target))
                        return action;
                return next_directory(settings_->array_directory());
        }

        std::optional<StorageAction> next_of_disks()
        {
                std::vector<StoreDisk> disks;
                std::set<std::string> taken;
                for (const auto& disk : disks_)
                        if (is_place_of_disk(disk.mounted))
                                taken.insert(disk.mounted);
                        else if (!disk.mounted.empty())
                                note(fmt::format("{} is mounted at '{}' and is left alone", disk.named(),
                                        disk.mounted));
                        else if (disk.came_later)
                                note_later(disk);
                        else
                                disks.push_back(disk);
                const auto arrays = arrays_of_store();
                for (const auto* array : arrays)
                        if (!array->in_use.empty())
                                throw used(*array, "", "Reboot, after you have stopped what uses it");
                refuse_what_is_not_ours(disks);
                if (!arrays.empty())
                        return stop(*arrays.front());
                unsigned last = 0;
                std::vector<unsigned> places;
                for (const auto& disk : disks) {
                        do
                                ++last;
                        while (taken.contains(place_of_disk(last)));
                        refuse_place(place_of_disk(last), {disk.serial});
                        places.push_back(last);
                }
                // One kind after the other, since those of a kind are done side by side.
                std::optional<StorageAction> next;
                for (std::size_t i = 0; i < disks.size(); ++i) {
                        const auto& disk = disks[i];
                        // A cipher is put over a filesystem of ours as it is: if that fails, its data stay.
                        const bool usable = is_filesystem(disk.content) && !disk.half_made &&
                                            disk.content.label == disk_label;
                        const bool is_ready =
                                disk.content.blank() || usable || (settings_->encrypt && is_open(disk));
                        const Target target{
                                disk.path, places[i], &disk.content, disk.half_made, {disk.serial}};
                        auto action = !is_ready && !disk.half_made ? wipe(disk) : next_on_target(target);
                        if (action && (!next || action->kind < next->kind))
                                next = std::move(action);
                }
                return next;
        }

        bool is_place_of_disk(std::string_view directory) const
        {
                const auto above = settings_->mount_path + "/";
                return directory.starts_with(above) &&
                       parse_int<unsigned>(directory.substr(above.size())).has_value();
        }

        std::string place_of_disk(unsigned index) const
        {
                return fmt::format("{}/{}", settings_->mount_path, index);
        }

        bool is_open(const StoreDisk& disk) const { return facts_->opened.contains(disk.path); }

        // A name that no cipher has: what is opened keeps its own, and a disk may have another place by now.
        std::string free_cipher(unsigned index) const
        {
                const auto is_taken = [&](const auto& one) {
                        return one.second.path == mapped(cipher_of(index));
                };
                while (std::ranges::any_of(facts_->opened, is_taken))
                        ++index;
                return cipher_of(index);
        }

        std::string mounted_at(const std::string& directory) const
        {
                const auto found = facts_->mounts.find(directory);
                return found == facts_->mounts.end() ? std::string() : found->second;
        }

        Directory directory(const std::string& path) const
        {
                const auto found = facts_->directories.find(path);
                return found == facts_->directories.end() ? Directory{} : found->second;
        }

        void refuse_obstacle(const std::string& where) const
        {
                if (const auto obstacle = directory(where).obstacle; !obstacle.empty())
                        throw refusal(failure::mount_point_busy,
                                fmt::format("nothing can be mounted at '{}': {}", where, obstacle),
                                "Make it a directory, or configure another one");
        }

        void refuse_read_only(const std::string& path) const
        {
                if (const auto state = directory(path); state.read_only && !state.exists)
                        throw Error(failure::volume_failed,
                                fmt::format("{}: '{}' cannot be made: its filesystem is read-only",
                                        settings_->source, path),
                                "Make the directory in the image, or configure another one");
        }

        // The manager takes no transient unit of this name.
        void refuse_unit(const std::string& where) const
        {
                if (const auto unit = directory(where).unit; !unit.empty())
                        throw mount_unit_in_the_way(
                                failure::mount_point_busy, settings_->source, unit, where);
        }

        // Nothing is written if its mount would fail.
        void refuse_place(const std::string& where, const std::vector<std::string>& serials) const
        {
                if (const auto there = mounted_at(where); !there.empty())
                        throw refusal(failure::mount_point_busy,
                                fmt::format("'{}' is mounted at '{}' already, the place of {}", there, where,
                                        join(serials, ", ")),
                                "Remove that mount, or name another directory by instance.localStorage.mountPath");
                refuse_obstacle(where);
                refuse_unit(where);
                refuse_read_only(where);
        }

        std::optional<StorageAction> next_on_target(const Target& target)
        {
                const auto where = place_of_disk(target.index);
                const auto opened = facts_->opened.find(target.path);
                const bool is_opened = opened != facts_->opened.end();
                const auto cipher = free_cipher(target.index);
                const auto device = !settings_->encrypt ? target.path
                                    : is_opened         ? opened->second.path
                                                        : mapped(cipher);
                if (const auto there = mounted_at(where); there == device || there == target.path)
                        return std::nullopt;
                refuse_place(where, target.serials);
                if (settings_->encrypt) {
                        if (!is_opened)
                                return open_cipher(target, cipher, device);
                        const auto& content = opened->second.content;
                        if (!is_filesystem(content) || content.unfinished)
                                return format(target, device, !content.blank());
                        return mount(target, device, where, content.type);
                }
                const auto& content = *target.content;
                if (target.half_made || content.blank())
                        return format(target, device, target.half_made);
                if (!is_filesystem(content)) {
                        if (!settings_->force)
                                throw foreign(target);
                        return format(target, device, true);
                }
                return mount(target, device, where, content.type);
        }

        // The key is read from the kernel by cryptsetup and is kept nowhere.
        StorageAction open_cipher(
                const Target& target, const std::string& cipher, const std::string& device) const
        {
                const auto& content = *target.content;
                // What another key has encrypted is of no known kind.
                const bool ours = content.blank() || content.is_unknown() || is_filesystem(content);
                if (!ours && !target.half_made && !settings_->force)
                        throw foreign(target);
                return {.kind = Kind::encrypt,
                        .serials = target.serials,
                        .command = {"/usr/sbin/cryptsetup", "open", "--type=plain", "--batch-mode",
                                "--cipher=aes-xts-plain64", "--key-size=512", "--key-file=/dev/urandom",
                                target.path, cipher},
                        .what = device,
                        .lower = target.path};
        }

        StorageAction format(const Target& target, const std::string& device, bool force) const
        {
                FilesystemOptions options{.force = force};
                // 32 KiB, whatever the array's chunks are.
                if (settings_->filesystem == "xfs" && !has_log_unit(settings_->mkfs_options))
                        options.more = {"-l", "su=8b"};
                if (!settings_->is_array()) // the next boot knows the disk by it
                        options.more.insert(options.more.end(), {"-L", disk_label});
                options.more.insert(
                        options.more.end(), settings_->mkfs_options.begin(), settings_->mkfs_options.end());
                return {.kind = Kind::format,
                        .serials = target.serials,
                        .command = mkfs_command(device, settings_->filesystem, options),
                        .what = device,
                        .type = settings_->filesystem,
                        .lower = target.path};
        }

        static StorageAction mount(const Target& target, const std::string& device, const std::string& where,
                const std::string& type)
        {
                return {.kind = Kind::mount,
                        .serials = target.serials,
                        .what = device,
                        .where = where,
                        .type = type};
        }

        std::optional<StorageAction> next_directory(const std::string& array)
        {
                const auto device = mounted_at(array);
                for (const auto& [name, path, sub, mode] : bound_directories(*settings_)) {
                        const std::string where(path);
                        const auto what = fmt::format("{}/{}", array, sub);
                        if (const auto there = mounted_at(where); there == device)
                                continue;
                        else if (!there.empty()) {
                                note(fmt::format(
                                        "'{}' is a mount of {} already and is left alone", where, there));
                                continue;
                        }
                        if (!directory(what).exists)
                                return StorageAction{
                                        .kind = directory(where).empty ? Kind::prepare : Kind::copy,
                                        .what = where,
                                        .where = what};
                        return StorageAction{.kind = Kind::bind, .what = what, .where = where};
                }
                return std::nullopt;
        }

        const LocalStorage* settings_;
        const StorageFacts* facts_;
        std::vector<std::string>* notes_;
        std::vector<StoreDisk> disks_;
};

} // namespace

bool is_filesystem(const DiskContent& content)
{
        return content.other.empty() && (content.type == "xfs" || content.type == "ext4");
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

// The superblock of version 1.2, in the kernel's md_p.h: at 4 KiB, in little endian. Other versions are at
// other places, and no array of ours.
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
        // libblkid looks for no partition table on a member.
        if (beginning.substr(boot_mark_at).starts_with(boot_mark)) {
                disk.content.other = "a boot sector and a former member of an array";
                return;
        }
        const auto superblock = beginning.substr(at);
        if (!superblock.starts_with(magic))
                return;
        const auto number = [&](std::size_t from) {
                std::uint32_t value = 0;
                for (std::size_t i = sizeof value; i-- > 0;)
                        value = value << 8U | static_cast<unsigned char>(superblock[from + i]);
                return value;
        };
        for (const char byte : superblock.substr(id_at, id_length))
                disk.array_id += fmt::format("{:02x}", static_cast<unsigned char>(byte));
        disk.level = static_cast<int>(number(level_at));
        disk.devices = number(devices_at);
}

std::vector<BoundDirectory> bound_directories(const LocalStorage& settings)
{
        std::vector<BoundDirectory> directories;
        if (settings.is_array())
                std::ranges::copy_if(
                        bound, std::back_inserter(directories), [&](const BoundDirectory& directory) {
                                return !contains(settings.disabled_mounts, std::string(directory.name));
                        });
        return directories;
}

std::vector<StorageAction> next_actions(
        const LocalStorage& settings, StorageFacts& facts, std::vector<std::string>& notes)
{
        std::vector<StorageAction> actions;
        while (auto action = Planner(settings, facts, notes).next()) {
                const auto kind = action->kind;
                if (!actions.empty() && kind != actions.front().kind)
                        break;
                foresee(facts, settings, *action);
                actions.push_back(std::move(*action));
                const bool of_many = kind == Kind::encrypt || kind == Kind::format || kind == Kind::mount;
                if (settings.is_array() || !of_many)
                        break;
        }
        return actions;
}

const Failure& failure_of(Kind kind)
{
        switch (kind) {
        case Kind::stop:
        case Kind::create:
        case Kind::assemble:
        case Kind::add:
                return failure::array_failed;
        case Kind::encrypt:
                return failure::cipher_failed;
        case Kind::format:
                return failure::mkfs_failed;
        default:
                return failure::volume_failed;
        }
}

bool needs_look(Kind kind)
{
        return kind == Kind::stop || kind == Kind::create || kind == Kind::assemble || kind == Kind::add;
}

void foresee(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action)
{
        const auto each = [&](const auto& change) {
                for (auto& disk : facts.disks)
                        if (contains(action.serials, disk.serial))
                                change(disk);
        };
        switch (action.kind) {
        case Kind::stop:
                std::erase_if(
                        facts.arrays, [&](const StoreArray& array) { return array.path == action.what; });
                break;
        case Kind::wipe:
                each([](StoreDisk& disk) { disk.content = {}; });
                break;
        case Kind::create:
        case Kind::assemble: {
                const bool made = action.kind == Kind::create;
                StoreArray array{.path = action.what,
                        .active = true,
                        .level = level_of(settings),
                        .devices = static_cast<unsigned>(action.serials.size()),
                        .serials = action.serials,
                        .content = {.type = made ? "" : "xfs"},
                        .half_made = made};
                each([&](StoreDisk& disk) {
                        if (!made) {
                                array.devices = disk.devices;
                                array.half_made = array.half_made || disk.half_made;
                                return;
                        }
                        disk.content = {.type = member_type, .label = std::string(array_name)};
                        disk.level = array.level;
                        disk.devices = array.devices;
                });
                facts.arrays.push_back(array);
                break;
        }
        case Kind::add:
                for (auto& array : facts.arrays)
                        if (array.path == action.what)
                                array.serials.insert(
                                        array.serials.end(), action.serials.begin(), action.serials.end());
                each([&](StoreDisk& disk) {
                        disk.content = {.type = member_type, .label = std::string(array_name)};
                        disk.level = level_of(settings);
                });
                break;
        case Kind::encrypt:
                facts.opened[action.lower] = {.path = action.what, .content = {}};
                break;
        case Kind::format: {
                const DiskContent made{.type = action.type, .label = settings.is_array() ? "" : disk_label};
                if (settings.encrypt)
                        facts.opened[action.lower].content = made;
                for (auto& array : facts.arrays)
                        if (array.path == action.what) {
                                array.content = made;
                                array.half_made = false;
                        }
                for (auto& disk : facts.disks)
                        if (disk.path == action.what) {
                                disk.content = made;
                                disk.half_made = false;
                        }
                break;
        }
        case Kind::mount:
                facts.mounts[action.where] = action.what;
                if (!settings.is_array())
                        each([&](StoreDisk& disk) { disk.mounted = action.where; });
                break;
        case Kind::copy:
        case Kind::prepare:
                facts.directories[action.where].exists = true;
                break;
        case Kind::bind:
                facts.mounts[action.where] = facts.mounts[settings.array_directory()];
                break;
        }
}

std::string_view name_of(Kind kind)
{
        constexpr std::array<std::string_view, 11> names{"stop-array", "wipe", "create-array",
                "assemble-array", "add-to-array", "encrypt", "format", "mount", "copy", "make-directory",
                "bind"};
        return names.at(static_cast<std::size_t>(kind));
}

std::string text_of(const StorageAction& action)
{
        const auto disks = join(action.serials, ", ");
        switch (action.kind) {
        case Kind::mount:
                return fmt::format("mount {} ({}) at {}", action.what, action.type, action.where);
        case Kind::copy:
                return fmt::format("copy {} to {}", action.what, action.where);
        case Kind::prepare:
                return fmt::format("make {}", action.where);
        case Kind::bind:
                return fmt::format("bind {} to {}", action.what, action.where);
        default:
                return fmt::format("{}{}{}: {}", name_of(action.kind), disks.empty() ? "" : " ", disks,
                        join(action.command, " "));
        }
}

} // namespace eks
