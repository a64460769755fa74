// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/set_up.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "base/confine_writes.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "steps/instance-store/machine.hpp"
#include "storage/nvme.hpp"

namespace eks {

namespace {

// What mdadm, cryptsetup and mkfs write, and the place of the mounts.
void confine_to(const Context& context, const std::string& mount_path)
{
        // If that fails, next_actions() reports it before a disk is written.
        std::error_code ignored;
        std::filesystem::create_directories(mount_path, ignored);

        if (const auto missing = confine_writes({"/dev", "/run", "/sys", "/var/lib/eks", mount_path});
                !missing.empty())
                context.log().write(Level::debug, missing);
}

LateDisks await_disks(Context& context, std::chrono::milliseconds limit)
{
        context.wait_until(limit, "the step goes on with the disks that are there");
        context.awaiting("Waiting for the disks of the instance store");
        auto late = wait_for_disks(limit);
        context.wait_ended();
        return late;
}

void report_late_disks(Context& context, const LocalStorage& settings, const LateDisks& late, bool has_disks)
{
        // An earlier run of this boot may have succeeded without them.
        const bool ran_before = exists(std::string(storage_record));
        if (settings.is_array() && late.of_store && !has_disks && !ran_before)
                throw Error(failure::disks_missing,
                        fmt::format("{}: {}, and none of the instance store", settings.source, late.text),
                        "See `journalctl -k`. If the instance has no instance store, remove "
                        "instance.localStorage.strategy");

        if (!late.text.empty())
                context.log().write(
                        Level::warning, late.text + ", proceeding without the others", event::disks_late.id);
}

using Texts = std::vector<std::string>;

// The texts of actions, none of which may be among those that are done.
Texts texts_of(const std::vector<StorageAction>& actions, Texts& done)
{
        Texts texts;
        for (const auto& action : actions) {
                texts.push_back(text_of(action));

                // The state after it is as before: without this check, the step would never end.
                if (contains(done, texts.back()))
                        throw Error(failure_of(action.kind),
                                fmt::format("disk {}: it had no effect: {}", join(action.serials, ", "),
                                        texts.back()),
                                "See `journalctl -k` and `cat /proc/mdstat`");

                done.push_back(texts.back());
        }

        return texts;
}

void perform(Context& context, StorageMachine& machine, const std::vector<StorageAction>& actions,
        const Texts& texts)
{
        context.awaiting(texts.size() == 1 ? texts.front()
                                           : fmt::format("{}; {} more", texts.front(), texts.size() - 1));
        machine.perform(actions);
        for (const auto& text : texts)
                context.did(text, true);
}

StorageFacts look(const StorageMachine& machine, const LateDisks& late)
{
        auto facts = machine.look();
        facts.late = late.of_store;
        return facts;
}

} // namespace

void set_up_instance_store(Context& context, const LocalStorage& settings, const std::string& instance,
        std::chrono::milliseconds limit)
{
        StorageMachine machine(settings, instance);
        const auto late = await_disks(context, limit);

        auto facts = look(machine, late);
        machine.await_mounts(facts);
        machine.end_record(facts);
        report_late_disks(context, settings, late, !facts.disks.empty());

        if (!facts.disks.empty())
                confine_to(context, settings.mount_path);

        for (const auto& disk : facts.disks)
                context.log().debug(
                        fmt::format("{} is a disk of the instance store: {} bytes", disk.path, disk.size));
        context.log().debug(fmt::format("instance.localStorage.strategy is {} ({})",
                settings.is_array() ? "an array" : "one mount a disk", settings.source));

        Texts notes;
        Texts done;
        for (;;) {
                const auto actions = next_actions(settings, facts, notes);
                if (actions.empty())
                        break;
                perform(context, machine, actions, texts_of(actions, done));

                const auto kind = actions.front().kind;
                if (needs_look(kind))
                        facts = look(machine, late);
                else if (kind == StorageAction::Kind::mount && settings.is_array())
                        machine.look_at_mounts(facts); // the array may hold directories already
        }

        machine.finish();

        StepPlan remarks;
        for (const auto& note : notes)
                remarks.notes.push_back({Level::info, note});
        context.apply(remarks);

        const auto summary = storage_summary(settings, facts);
        write_atomically(context.root()(std::string(storage_record)), summary, 0644, Durability::unsynced);

        if (done.empty())
                context.did(notes.empty() ? "the instance store is mounted" : join(notes, "; "), false);
}

} // namespace eks
