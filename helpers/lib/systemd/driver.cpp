// SPDX-License-Identifier: Apache-2.0
#include "systemd/driver.hpp"

#include <fmt/format.h>

#include "base/fs.hpp"

namespace eks {

Error driver_error(
        const Driver& driver, std::size_t devices, std::string_view why, const std::string& remedy)
{
        return {driver.failure,
                fmt::format("this machine has {} ({}), but {}", driver.devices, devices, why), remedy};
}

bool load_driver(Context& context, const Driver& driver, std::size_t devices, const StartUnit& start,
        std::chrono::milliseconds deadline)
{
        const auto loaded = context.root()(fmt::format("/sys/module/{}", driver.module));
        if (exists(loaded))
                return false;

        const auto unit = fmt::format("modprobe@{}.service", driver.module);
        context.wait_until(deadline, "the step fails");
        context.awaiting(fmt::format("Waiting for {}", unit));

        if (!start(unit, deadline))
                throw driver_error(driver, devices,
                        fmt::format("their driver was not loaded within {} seconds",
                                std::chrono::duration_cast<std::chrono::seconds>(deadline).count()),
                        "`journalctl -b -k` shows where it hangs; reboot or replace the instance");
        if (!exists(loaded))
                throw driver_error(driver, devices,
                        fmt::format("the kernel module '{}' was not loaded", driver.module),
                        fmt::format(
                                "{}, or create /etc/eks/{}.disabled; `journalctl -b -k -g {}` shows the cause "
                                "if it is installed",
                                driver.install, driver.module, driver.module));

        return true;
}

} // namespace eks
