// SPDX-License-Identifier: Apache-2.0
#include "base/manager.hpp"
#include "steps/user-scripts/user_scripts.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-user-scripts",
                        .purpose = "wait for the scripts in the user data and take over what they changed",
                        // All that the steps read whose files it plans again; tests/lint/access.py compares.
                        .access = {.reads = {"/boot", "/etc/containerd", "/etc/credstore", "/etc/eks",
                                           "/etc/gai.conf", "/etc/host.conf", "/etc/hosts",
                                           "/etc/kubernetes", "/etc/ld.so.cache", "/etc/nsswitch.conf",
                                           "/etc/os-release", "/etc/pki", "/etc/resolv.conf", "/etc/ssl",
                                           "/etc/sysctl.conf", "/etc/sysctl.d", "/lib", "/lib64", "/opt",
                                           "/proc/cpuinfo", "/proc/driver/nvidia", "/proc/meminfo",
                                           "/proc/swaps", "/proc/sys", "/run/cloud-init", "/run/credentials",
                                           "/run/credstore", "/run/eks", "/run/sysctl.d", "/run/systemd",
                                           "/sys", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local/share",
                                           "/usr/share", "/var/lib/cloud/data", "/var/lib/eks"},
                                .devices = {"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia2", "/dev/nvidia3",
                                        "/dev/nvidia4", "/dev/nvidia5", "/dev/nvidia6", "/dev/nvidia7",
                                        "/dev/nvidiactl"},
                                .asks_manager = true,
                                .loads_libraries = true},
                        .connect = connect_to_manager},
                argc, argv, [](Context& context) {
                        Manager manager;
                        wait_for_scripts(context, manager);
                        take_over_changes(context, manager);
                });
}
