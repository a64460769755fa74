// SPDX-License-Identifier: Apache-2.0
#include "base/restart_daemons.hpp"
#include "steps/ca/ca.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-ca",
                        .purpose = "write the cluster's CA certificate",
                        .access = {.reads = {"/run/eks"}, .writes = {"/etc/kubernetes/pki", "/var/lib/eks"}},
                        .take_over = restart_if_running({kubelet_unit})},
                argc, argv,
                [](Context& context) { context.apply(plan_ca(load_node_inputs(context.root()))); });
}
