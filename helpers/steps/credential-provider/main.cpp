// SPDX-License-Identifier: Apache-2.0
#include "steps/credential-provider/credential_provider.hpp"
#include "systemd/daemons.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        // The binaries may be in any directory. The step only checks that they exist, which needs no
        // permission.
        return run_step({.name = "eks-credential-provider",
                                .purpose = "write kubelet's image credential provider configuration",
                                .access = credential_provider_access(),
                                .read_by = {kubelet_unit}},
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
                        const auto plan = plan_credential_provider(node);
                        require_credential_providers(node, plan);
                        context.apply(plan);
                });
}
