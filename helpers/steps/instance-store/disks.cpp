// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/text.hpp"
#include "steps/instance-store/planning.hpp"

namespace eks {

namespace {

bool is_mount_point(const LocalStorage& settings, std::string_view directory)
{
        const auto above = settings.mount_path + "/";
        return directory.starts_with(above) &&
               parse_int<unsigned>(directory.substr(above.size())).has_value();
}

using Taken = std::vector<std::string>; // directories

// The disks that are to be mounted.
std::vector<StoreDisk> waiting_disks(const Planning& planning, Taken& taken)
{
        std::vector<StoreDisk> waiting;
        for (const auto& disk : planning.disks)
                if (is_mount_point(planning.settings, disk.mounted))
                        taken.push_back(disk.mounted);
                else if (!disk.mounted.empty())
                        planning.note(fmt::format(
                                "{} is mounted at '{}' and is left alone", disk.named(), disk.mounted));
                else if (disk.came_later)
                        planning.note_later(disk);
                else
                        waiting.push_back(disk);

        return waiting;
}

// The index of a directory for each disk: the next that is free.
std::vector<unsigned> assign_mount_points(
        const Planning& planning, const std::vector<StoreDisk>& disks, const Taken& taken)
{
        std::vector<unsigned> indexes;
        unsigned last = 0;
        for (const auto& disk : disks) {
                do
                        ++last;
                while (contains(taken, mount_point(planning.settings, last)));

                refuse_mount_point(planning, mount_point(planning.settings, last), {disk.serial});
                indexes.push_back(last);
        }

        return indexes;
}

std::optional<StorageAction> next_of_disk(const Planning& planning, const StoreDisk& disk, unsigned index)
{
        const auto& content = disk.content;
        const bool usable = is_filesystem(content) && !disk.unfinished && content.label == disk_label;

        // A disk below an open cipher is not wiped: if the cipher fails, the data stay.
        const bool is_open = planning.settings.encrypt && planning.facts.opened.contains(disk.path);

        if (!content.blank() && !usable && !is_open && !disk.unfinished)
                return wipe_disk(disk);

        return next_on_device(planning, {disk.path, index, &content, disk.unfinished, {disk.serial}});
}

} // namespace

std::optional<StorageAction> next_of_disks(const Planning& planning)
{
        Taken taken;
        const auto disks = waiting_disks(planning, taken);

        const auto arrays = planning.arrays();
        for (const auto* array : arrays)
                if (!array->in_use.empty())
                        throw planning.refusal_of_use(
                                *array, "", "Reboot, after you have stopped what uses it");
        refuse_foreign_disks(planning, disks);

        if (!arrays.empty())
                return stop_array(*arrays.front());

        const auto indexes = assign_mount_points(planning, disks, taken);

        // Actions of one kind run side by side, so all of a kind come before the next kind.
        std::optional<StorageAction> next;
        for (std::size_t i = 0; i < disks.size(); ++i) {
                auto action = next_of_disk(planning, disks[i], indexes[i]);
                if (action && (!next || action->kind < next->kind))
                        next = std::move(action);
        }

        return next;
}

} // namespace eks
