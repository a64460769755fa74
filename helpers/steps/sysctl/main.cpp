// SPDX-License-Identifier: Apache-2.0
#include "steps/sysctl/sysctl.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-sysctl",
                        .purpose =
                                "set the kernel parameters of the profile and the configuration, and huge pages",
                        .access = sysctl_access()},
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
                        context.apply(plan_sysctl(node));
                        set_sysctls(context, node);
                });
}
