// SPDX-License-Identifier: Apache-2.0
#include "steps/steps.hpp"
#include "steps/user-scripts/user_scripts.hpp"
#include "systemd/manager.hpp"

namespace {

using namespace eks;

Access access()
{
        auto access = access_to_plan();
        access.asks_manager = true;
        return access;
}

} // namespace

int main(int argc, char** argv)
{
        return run_step(
                {.name = "eks-user-scripts",
                        .purpose = "wait for the scripts in the user data and take over what they changed",
                        .access = access(),
                        .connect = connect_to_manager},
                argc, argv, [](Context& context) {
                        Manager manager;
                        wait_for_scripts(context, manager);
                        take_over_changes(context, manager);
                });
}
