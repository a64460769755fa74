// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "steps/instance-store/planning.hpp"

namespace eks {

namespace {

constexpr std::size_t fewest_of_raid10 = 4;

// RAID10 holds each block twice.
bool is_complete(const LocalStorage& settings, std::size_t present, unsigned devices)
{
        return present == devices || (level_of(settings) == 10 && present + 1 == devices);
}

// ---- members of an array that is not running

bool is_member(const Planning& planning, const StoreDisk& disk)
{
        return is_member_of_ours(disk) && disk.level == level_of(planning.settings);
}

// The ids of arrays that have members, sorted.
std::vector<std::string> array_ids(const Planning& planning)
{
        std::vector<std::string> ids;
        for (const auto& disk : planning.disks)
                if (is_member(planning, disk) && !contains(ids, disk.array_id))
                        ids.push_back(disk.array_id);

        std::ranges::sort(ids);
        return ids;
}

std::vector<StoreDisk> members_of(const Planning& planning, const std::string& id)
{
        std::vector<StoreDisk> members;
        for (const auto& disk : planning.disks)
                if (is_member(planning, disk) && disk.array_id == id)
                        members.push_back(disk);
        return members;
}

// The members of the first array that can be assembled.
std::vector<StoreDisk> members_of_one_array(const Planning& planning)
{
        for (const auto& id : array_ids(planning))
                if (auto members = members_of(planning, id);
                        is_complete(planning.settings, members.size(), members.front().devices))
                        return members;
        return {};
}

// A disk that is lost does not matter: another one is in its place among those that are there. A disk that
// is late may be one of the array's, even if disks outside the array are there.
void refuse_missing(const Planning& planning)
{
        for (const auto& id : array_ids(planning)) {
                const auto members = members_of(planning, id);
                const auto devices = members.front().devices;
                if ((planning.facts.late || members.size() == planning.disks.size()) &&
                        members.size() < devices)
                        throw planning.refusal(failure::disks_missing,
                                fmt::format(
                                        "no disk was written: {} of the {} disks of the array are there: {}",
                                        members.size(), devices, join(serials_of(members), ", ")),
                                "If the others do not come, stop and start the instance, or set "
                                "instance.localStorage.force, which makes the array again without its data");
        }
}

void refuse_too_few(const Planning& planning)
{
        const auto& disks = planning.disks;
        if (!planning.settings.force)
                refuse_missing(planning);

        if (planning.settings.strategy == LocalStorage::Strategy::raid10 && disks.size() < fewest_of_raid10)
                throw planning.refusal(failure::disks_too_few,
                        fmt::format("RAID10 needs {} disks, and the instance store has {}: {}",
                                fewest_of_raid10, disks.size(), join(serials_of(disks), ", ")),
                        "Set instance.localStorage.strategy to RAID0 or Mount, or choose an instance type "
                        "with more disks");
}

StorageAction next_of_new_array(const Planning& planning)
{
        for (const auto& disk : planning.disks)
                if (!disk.content.blank())
                        return wipe_disk(disk);
        return create_array(planning.settings, planning.disks);
}

// ---- an array that is running

// An array that is mounted without enough disks gives errors to what uses it.
void refuse_broken(const Planning& planning, const StoreArray& array)
{
        const auto& [settings, facts, notes, disks] = planning;
        const auto opened = facts.opened.find(array.path);

        const auto& device = opened == facts.opened.end() ? array.path : opened->second.path;

        if (array.level == level_of(settings) && array.serials.size() < array.devices &&
                facts.mounted_at(settings.array_directory()) == device)
                throw planning.refusal(failure::array_failed,
                        fmt::format("{} of the {} disks of '{}', which is mounted, are left: {}",
                                array.serials.size(), array.devices, array.path, join(array.serials, ", ")),
                        "See `journalctl -k`. Save what can be read, then stop and start the instance, "
                        "which gives it other disks");
}

// Put a disk in the place of a missing one.
std::optional<StorageAction> next_missing_member(const Planning& planning, const StoreArray& array)
{
        for (const auto& disk : planning.disks) {
                if (contains(array.serials, disk.serial))
                        continue;

                if (array.serials.size() >= array.devices || !objection_to(planning, disk).empty()) {
                        planning.note(fmt::format("{} is not in the array and is left alone", disk.named()));
                        continue;
                }

                return disk.content.blank() ? add_to_array(array, disk) : wipe_disk(disk);
        }
        return std::nullopt;
}

std::optional<StorageAction> next_on_array(const Planning& planning, const StoreArray& array)
{
        refuse_bound_directories(planning);
        if (auto action = next_missing_member(planning, array))
                return action;

        if (!array.in_use.empty())
                throw planning.refusal_of_use(
                        array, "", "Stop what uses it, or remove instance.localStorage.strategy");
        if (auto action = next_on_device(
                    planning, {array.path, 0, &array.content, array.unfinished, array.serials}))
                return action;

        return next_directory(planning);
}

using Arrays = std::vector<const StoreArray*>;

// Find or make the array where none of those that run can be used.
std::optional<StorageAction> next_without_array(const Planning& planning, const Arrays& arrays)
{
        // Only what no program uses is stopped.
        for (const auto* array : arrays)
                if (!array->in_use.empty())
                        throw planning.refusal_of_use(*array, ", and is not the array that is configured",
                                "Reboot, after you have stopped what uses it");

        // Check all that could fail later before a disk is written.
        refuse_mount_point(planning, planning.settings.array_directory(), serials_of(planning.disks));
        refuse_bound_directories(planning);

        const auto members = members_of_one_array(planning);
        if (members.empty())
                refuse_too_few(planning);
        refuse_foreign_disks(planning, members.empty() ? planning.disks : members);

        if (!arrays.empty())
                return stop_array(*arrays.front());

        return members.empty() ? next_of_new_array(planning) : assemble_array(members);
}

// Disks that came after the boot are left alone: what runs is not moved to them, and any disk of a mounted
// array may come back.
void leave_out_later_disks(Planning& planning)
{
        for (const auto& disk : planning.disks)
                if (disk.came_later)
                        planning.note_later(disk);

        std::erase_if(planning.disks, [](const StoreDisk& disk) { return disk.came_later; });
}

} // namespace

std::optional<StorageAction> next_of_array(Planning& planning)
{
        auto arrays = planning.arrays();
        std::erase_if(arrays, [&](const StoreArray* array) {
                return std::ranges::all_of(array->serials,
                        [&](const auto& serial) { return planning.disk_of(serial)->came_later; });
        });

        leave_out_later_disks(planning);
        if (planning.disks.empty())
                return std::nullopt;

        for (const auto* array : arrays)
                if (array->active && array->level == level_of(planning.settings) &&
                        is_complete(planning.settings, array->serials.size(), array->devices))
                        return next_on_array(planning, *array);

        for (const auto* array : arrays)
                refuse_broken(planning, *array);

        return next_without_array(planning, arrays);
}

} // namespace eks
