// SPDX-License-Identifier: Apache-2.0
#include "credential_provider.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        // The binary may lie anywhere; only its existence matters, and stat needs no right.
        return run_step({.name = "eks-credential-provider",
                                .purpose = "write kubelet's image credential provider configuration",
                                .access = {.reads = {"/run/eks", "/usr/share/eks"},
                                        .writes = {"/etc/eks/image-credential-provider", "/var/lib/eks"}}},
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root());
                        require_credential_provider(node);
                        context.apply(plan_credential_provider(node));
                });
}
