// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/set_up.hpp"

#include <filesystem>
#include <set>

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
        // If that fails, next_actions() says so before a disk is written.
        std::error_code ignored;
        std::filesystem::create_directories(mount_path, ignored);
        if (const auto missing = confine_writes({"/dev", "/run", "/sys", "/var/lib/eks", mount_path});
                !missing.empty())
                context.log().write(Level::debug, missing);
}

} // namespace

void set_up_instance_store(Context& context, const LocalStorage& settings, const std::string& instance,
        std::chrono::milliseconds limit)
{
        using Kind = StorageAction::Kind;
        StorageMachine machine(settings, instance);
        context.wait_until(limit, "the step goes on with the disks that are there");
        context.awaiting("Waiting for the disks of the instance store");
        const auto late = wait_for_disks(limit);
        context.wait_ended();
        std::vector<std::string> notes;
        std::set<std::string> done;
        const auto look = [&] {
                auto found = machine.look();
                found.late = late.of_store;
                return found;
        };
        auto facts = look();
        machine.await_mounts(facts);
        machine.end_record(facts);
        // An earlier run of this boot has gone on without them.
        const bool goes_on = exists(std::string(storage_record));
        if (settings.is_array() && late.of_store && facts.disks.empty() && !goes_on)
                throw Error(failure::disks_missing,
                        fmt::format("{}: {}, and none of the instance store", settings.source, late.text),
                        "See `journalctl -k`. If the instance has no instance store, remove "
                        "instance.localStorage.strategy");
        if (!late.text.empty())
                context.log().write(
                        Level::warning, late.text + ", proceeding without the others", event::disks_late.id);
        if (!facts.disks.empty())
                confine_to(context, settings.mount_path);
        for (;;) {
                const auto actions = next_actions(settings, facts, notes);
                if (actions.empty())
                        break;
                std::vector<std::string> texts;
                for (const auto& action : actions) {
                        texts.push_back(text_of(action));
                        if (!done.insert(texts.back()).second)
                                throw Error(failure_of(action.kind),
                                        fmt::format("disk {}: it had no effect: {}",
                                                join(action.serials, ", "), texts.back()),
                                        "See `journalctl -k` and `cat /proc/mdstat`");
                }
                context.awaiting(texts.size() == 1
                                         ? texts.front()
                                         : fmt::format("{}; {} more", texts.front(), texts.size() - 1));
                machine.perform(actions);
                for (const auto& text : texts)
                        context.did(text, true);
                if (needs_look(actions.front().kind))
                        facts = look();
                else if (actions.front().kind == Kind::mount && settings.is_array())
                        machine.look_at_mounts(facts);
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
