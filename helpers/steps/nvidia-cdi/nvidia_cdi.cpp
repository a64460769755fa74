// SPDX-License-Identifier: Apache-2.0
#include "steps/nvidia-cdi/nvidia_cdi.hpp"

#include <fmt/format.h>

namespace eks {

void write_cdi(Context& context, Manager& manager, std::chrono::milliseconds deadline)
{
        const auto failed = [](const std::string& how) {
                throw Error(failure::nvidia_cdi_failed,
                        fmt::format("the CDI specification of the GPUs was not written: nvidia-ctk {}", how),
                        fmt::format("`journalctl -b -u {0}` shows what it says", nvidia_cdi_unit));
        };

        context.wait_until(deadline, "the step fails");
        context.awaiting("Waiting for nvidia-ctk");

        if (manager.unit(nvidia_cdi_unit).text("ActiveState") == "active")
                manager.run_job("StopUnit", nvidia_cdi_unit, deadline);
        if (!manager.run_job("StartUnit", nvidia_cdi_unit, deadline))
                failed("did not end in time");
        const auto unit = manager.unit(nvidia_cdi_unit);
        if (unit.text("ActiveState") == "active")
                return context.did("nvidia-ctk wrote the CDI specification", true);
        if (!unit.boolean("ConditionResult"))
                return context.did(fmt::format("{} is skipped", nvidia_cdi_unit), false);

        if (const auto result = unit.service_text("Result"); result == "exit-code")
                failed(fmt::format("failed with status {}", unit.service_status("ExecMainStatus")));
        else
                failed(fmt::format("failed: {}", result));
}

} // namespace eks
