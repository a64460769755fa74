// SPDX-License-Identifier: Apache-2.0
#include "systemd/start_unit.hpp"

#include <algorithm>
#include <memory>

#include "systemd/manager.hpp"

namespace eks {

StartUnit start_by_manager()
{
        return [manager = std::shared_ptr<Manager>()](
                       const std::string& unit, std::chrono::milliseconds deadline) mutable {
                if (!manager)
                        manager = std::make_shared<Manager>();
                if (manager->run_job("StartUnit", unit, deadline))
                        return true;
                manager->queue_job("StopUnit", unit);
                return false;
        };
}

void start_skipped_interfaces(Manager& manager)
{
        const auto state = [&](const std::string& unit) { return manager.unit(unit).text("ActiveState"); };

        // kubelet starts after all instances that are in memory.
        for (const auto& name : manager.unit("kubelet.service").list("After")) {
                if (!name.starts_with("eks-interface@"))
                        continue;

                const auto unit = manager.unit(name);

                // Without its device the start would wait for it.
                const bool is_there = std::ranges::all_of(unit.list("BindsTo"),
                        [&](const std::string& device) { return state(device) == "active"; });
                if (unit.text("ActiveState") == "inactive" && is_there)
                        manager.queue_job("StartUnit", name);
        }
}

} // namespace eks
