// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/planning.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

// What uses a disk besides this step; "" if nothing does.
std::string use_of(const Planning& planning, const StoreDisk& disk)
{
        if (!disk.in_use.empty())
                return disk.in_use;
        if (!disk.mounted.empty())
                return fmt::format("is mounted at '{}'", disk.mounted);

        const auto ours = planning.arrays();
        for (const auto& array : planning.facts.arrays)
                if (contains(array.serials, disk.serial) && std::ranges::find(ours, &array) == ours.end())
                        return fmt::format("is a part of '{}'", array.path);

        return {};
}

} // namespace

const StoreDisk* Planning::disk_of(const std::string& serial) const
{
        const auto found = std::ranges::find(disks, serial, &StoreDisk::serial);
        return found == disks.end() ? nullptr : &*found;
}

std::vector<const StoreArray*> Planning::arrays() const
{
        const auto is_ours = [&](const std::string& serial) {
                const auto* const disk = disk_of(serial);
                return disk != nullptr && is_member_of_ours(*disk);
        };

        std::vector<const StoreArray*> found;
        for (const auto& array : facts.arrays)
                if (!array.serials.empty() && std::ranges::all_of(array.serials, is_ours))
                        found.push_back(&array);

        return found;
}

void Planning::note(const std::string& text) const
{
        if (!contains(notes, text))
                notes.push_back(text);
}

void Planning::note_later(const StoreDisk& disk) const
{
        note(fmt::format("{} came after the boot and is left alone", disk.named()));
}

Error Planning::refusal(const Failure& failure, const std::string& what, const char* remedy) const
{
        return {failure, fmt::format("{}: {}", settings.source, what), remedy};
}

Error Planning::refusal_of_use(const StoreArray& array, const char* consequence, const char* remedy) const
{
        return refusal(failure::disk_in_use,
                fmt::format(
                        "{} of {} {}{}", array.path, join(array.serials, ", "), array.in_use, consequence),
                remedy);
}

// ---- disks that must not be written

std::string objection_to(const Planning& planning, const StoreDisk& disk)
{
        // `force` permits overwriting data, not what is in use.
        if (auto use = use_of(planning, disk); !use.empty())
                return use;

        const auto& content = disk.content;
        const bool ours = is_member_of_ours(disk) || disk.unfinished ||
                          (is_filesystem(content) && content.label == disk_label);
        if (content.blank() || ours || planning.settings.force)
                return {};

        return fmt::format("holds {}{}", content.what(),
                content.label.empty() ? "" : fmt::format(" '{}'", content.label));
}

void refuse_foreign_disks(const Planning& planning, const std::vector<StoreDisk>& disks)
{
        std::vector<std::string> texts;
        bool in_use = false;

        for (const auto& disk : disks)
                if (const auto why = objection_to(planning, disk); !why.empty()) {
                        texts.push_back(fmt::format("{} {}", disk.named(), why));
                        in_use = in_use || !use_of(planning, disk).empty();
                }

        if (texts.empty())
                return;

        throw planning.refusal(in_use ? failure::disk_in_use : failure::disk_foreign,
                "no disk was written: " + join(texts, ", "),
                in_use ? "Stop what uses the disk, or remove instance.localStorage.strategy"
                       : "If the data is not needed, run `wipefs -a` and `blkdiscard -z` on the disk, or set "
                         "instance.localStorage.force");
}

} // namespace eks
