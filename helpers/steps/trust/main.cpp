// SPDX-License-Identifier: Apache-2.0
#include "base/restart_daemons.hpp"
#include "steps/trust/trust.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-trust",
                        .purpose = "put the node's certificates into the system's store",
                        // What trust.certificates may name; see config/trust_settings.cpp.
                        .access = {.reads = {"/etc/credstore", "/etc/eks", "/etc/pki", "/etc/ssl", "/opt",
                                           "/run/credentials", "/run/credstore", "/run/eks",
                                           "/usr/local/share", "/usr/share"},
                                .writes = {"/run/eks", "/var/lib/eks"},
                                .changes = {"/etc/pki", "/etc/ssl/certs", "/usr/local/share"},
                                // Debian's tool runs the hooks of other packages, which read settings there.
                                .of_programs = {"/etc"},
                                .runs_programs = true,
                                .changes_attributes = true},
                        .take_over = restart_if_running({containerd_unit, docker_unit, soci_unit})},
                argc, argv, [](Context& context) {
                        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
                        const auto plan = plan_trust(node);
                        update_store(context, plan.certificates);
                        context.apply(plan.step);
                });
}
