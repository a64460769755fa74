// SPDX-License-Identifier: Apache-2.0
#include "base/start_unit.hpp"

#include <memory>

#include "base/manager.hpp"

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

} // namespace eks
