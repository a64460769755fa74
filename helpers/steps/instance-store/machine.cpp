// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/machine.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "steps/instance-store/copy.hpp"
#include "steps/instance-store/make_directory.hpp"
#include "steps/instance-store/run_actions.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using Kind = StorageAction::Kind;

unsigned mode_of(const LocalStorage& settings, const std::string& path)
{
        for (const auto& directory : bound_directories(settings))
                if (directory.path == path)
                        return directory.mode;
        return 0700;
}

// While mdadm makes an array, this file tells udev, which then hides the device from the manager. If mdadm
// was killed, no mount of the device would ever start.
void announce_array(const std::string& path)
{
        const auto name = path.substr(path.rfind('/') + 1);
        const auto creating = fmt::format("/run/mdadm/creating-{}", name);
        if (!exists(creating))
                return;

        remove_if_exists(creating);

        constexpr std::string_view event = "change";
        const auto file = fmt::format("/sys/class/block/{}/uevent", name);

        const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
        if (!fd || ::write(fd.get(), event.data(), event.size()) != static_cast<ssize_t>(event.size()))
                throw Error(failure::volume_failed,
                        fmt::format("cannot announce '{}' to udev: {}", path, ::strerror(errno)),
                        "See `journalctl -k` for errors of the disk");
}

std::vector<std::string> serials_of(const std::vector<StorageAction>& actions)
{
        std::vector<std::string> serials;
        for (const auto& action : actions)
                serials.insert(serials.end(), action.serials.begin(), action.serials.end());
        return serials;
}

std::string description_of_mount(const StorageAction& action)
{
        return fmt::format("Instance Store on {}, {} {}", action.what,
                action.serials.size() == 1 ? "Disk" : "Disks", join(action.serials, ", "));
}

} // namespace

// ---- the record of disks that are being written

std::vector<std::string> StorageMachine::record(const std::vector<std::string>& serials)
{
        auto names = unfinished_.names();
        std::vector<std::string> added;
        std::ranges::copy_if(serials, std::back_inserter(added),
                [&](const auto& serial) { return !contains(names, serial); });

        names.insert(names.end(), added.begin(), added.end());

        if (!added.empty())
                unfinished_.begin(names);

        return added;
}

void StorageMachine::end_record(const StorageFacts& facts)
{
        if (settings_->encrypt) // the filesystem is made again at each boot
                return;

        std::vector<std::string> complete;
        const auto mounted = facts.mounts.find(settings_->array_directory());
        for (const auto& array : facts.arrays)
                if (mounted != facts.mounts.end() && mounted->second == array.path)
                        complete.insert(complete.end(), array.serials.begin(), array.serials.end());

        // A disk below a cipher, of a run with encrypt, will look like random data at the next boot.
        for (const auto& disk : facts.disks)
                if (!disk.mounted.empty() && !facts.opened.contains(disk.path))
                        complete.push_back(disk.serial);

        unfinished_.end(complete);
}

// ---- mounts

Manager& StorageMachine::manager()
{
        if (!manager_)
                manager_.emplace();
        return *manager_;
}

void StorageMachine::await_mounts(StorageFacts& facts)
{
        using Clock = std::chrono::steady_clock;
        const auto end = Clock::now() + mount_timeout();

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
                mount_timeout());
}

void StorageMachine::mount(const std::vector<StorageAction>& actions)
{
        // A mounted filesystem is complete, and may hold data from now on. An encrypted one stays in the
        // record: without its key, it holds no data at the next boot.
        if (!settings_->encrypt)
                unfinished_.end(serials_of(actions));

        for (const auto& action : actions) {
                announce_array(action.what);
                started_.push_back(start_mount(action, "noatime", description_of_mount(action)));
        }

        // Directories are made on the array next.
        if (settings_->is_array())
                finish();
}

void StorageMachine::finish()
{
        for (const auto& mount : std::exchange(started_, {}))
                manager().finish_mount(mount, mount_timeout());
}

// ---- actions

void StorageMachine::format(const std::vector<StorageAction>& actions)
{
        const auto added = record(serials_of(actions));
        try {
                run_actions(actions);
        } catch (const Error&) {
                // mkfs begins with overwriting the old superblock. If it refused before that, the device
                // below a cipher still holds a filesystem, which the next run mounts if encrypt is removed.
                std::vector<std::string> untouched;
                for (const auto& action : actions)
                        if (settings_->encrypt &&
                                is_filesystem(content_of(action.lower).value_or(DiskContent{})))
                                std::ranges::copy_if(action.serials, std::back_inserter(untouched),
                                        [&](const auto& serial) { return contains(added, serial); });
                unfinished_.end(untouched);
                throw;
        }
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
                run_actions(actions);
                break;
        case Kind::mount:
                mount(actions);
                break;
        case Kind::copy:
                copy_directory(action.what, action.where);
                break;
        case Kind::prepare:
                make_directory_like(action.where, action.what, mode_of(*settings_, action.what));
                break;
        case Kind::bind:
                started_.push_back(
                        start_mount(action, "bind", fmt::format("{} on the Instance Store", action.where)));
                break;
        }
}

} // namespace eks
