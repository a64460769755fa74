// SPDX-License-Identifier: Apache-2.0
#include "steps/retry/retry.hpp"
#include "systemd/manager.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-retry",
                                .purpose = "try again what could not be reached",
                                .access = {.asks_manager = true},
                                .connect = connect_to_manager},
                argc, argv, [](Context& context) {
                        Manager manager;
                        // A timer is running while the service that it has started runs. $TRIGGER_UNIT is
                        // not usable: systemd 252 keeps it for later starts by OnFailure=.
                        if (manager.unit(retry_timer).text("SubState") == "running")
                                try_again(context, manager);
                        else
                                after_failure(context, manager);
                });
}
