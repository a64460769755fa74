// SPDX-License-Identifier: Apache-2.0
#include "steps/ca/ca.hpp"
#include "systemd/daemons.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-ca",
                                .purpose = "write the cluster's CA certificate",
                                .access = ca_access(),
                                .read_by = {kubelet_unit}},
                argc, argv,
                [](Context& context) { context.apply(plan_ca(load_node_inputs(context.root()))); });
}
