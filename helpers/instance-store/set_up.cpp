// SPDX-License-Identifier: Apache-2.0
#include "set_up.hpp"

#include <set>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "machine.hpp"

namespace eks {

void set_up_instance_store(Context& context, const LocalStorage& settings, const std::string& instance,
        std::chrono::milliseconds limit)
{
        using Kind = StorageAction::Kind;
        StorageMachine machine(settings, instance);
        context.awaiting("Waiting for the disks of the instance store");
        if (const auto missing = StorageMachine::wait_for_disks(limit); !missing.empty())
                context.log().write(
                        Level::warning, missing + ", proceeding without the others", event::disks_late.id);
        std::vector<std::string> notes;
        std::set<std::string> done;
        auto facts = machine.look();
        while (const auto action = next_action(settings, facts, notes)) {
                const auto text = text_of(*action);
                if (!done.insert(text).second)
                        throw Error(failure_of(action->kind),
                                fmt::format(
                                        "disk {}: it had no effect: {}", join(action->serials, ", "), text),
                                "See `journalctl -k` and `cat /proc/mdstat`");
                context.awaiting(text);
                machine.perform(*action);
                context.did(text, true);
                if (needs_look(action->kind)) {
                        facts = machine.look();
                        continue;
                }
                foresee(facts, settings, *action);
                if (action->kind == Kind::mount)
                        machine.look_at_mounts(facts);
        }
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
