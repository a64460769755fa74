// SPDX-License-Identifier: Apache-2.0
#include "user_scripts.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-user-scripts",
                        .purpose = "wait for the scripts in the user data and take over what they changed",
                        .access = {.reads = {"/etc/eks", "/etc/sysctl.conf", "/etc/sysctl.d",
                                           "/proc/cpuinfo", "/proc/sys", "/run/eks", "/run/sysctl.d",
                                           "/var/lib/eks", "/usr/lib/eks", "/usr/share/eks", "/sys",
                                           "/usr/bin"},
                                .asks_manager = true}},
                argc, argv, [](Context& context) {
                        Manager manager;
                        wait_for_scripts(context, manager);
                        take_over_changes(context, manager);
                });
}
