// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/instance_store.hpp"

#include "steps/instance-store/planning.hpp"

namespace eks {

namespace {

std::optional<StorageAction> next_action(
        const LocalStorage& settings, const StorageFacts& facts, std::vector<std::string>& notes)
{
        Planning planning{settings, facts, notes, instance_store_disks(facts.disks)};
        if (planning.disks.empty()) {
                planning.note("this machine has no instance store");
                return std::nullopt;
        }
        return settings.is_array() ? next_of_array(planning) : next_of_disks(planning);
}

} // namespace

std::vector<StorageAction> next_actions(
        const LocalStorage& settings, StorageFacts& facts, std::vector<std::string>& notes)
{
        using Kind = StorageAction::Kind;

        std::vector<StorageAction> actions;
        while (auto action = next_action(settings, facts, notes)) {
                const auto kind = action->kind;
                if (!actions.empty() && kind != actions.front().kind)
                        break;
                foresee(facts, settings, *action);
                actions.push_back(std::move(*action));

                // Other actions, and those on the array, run one by one.
                const bool side_by_side =
                        kind == Kind::encrypt || kind == Kind::format || kind == Kind::mount;
                if (settings.is_array() || !side_by_side)
                        break;
        }

        return actions;
}

} // namespace eks
