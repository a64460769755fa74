// SPDX-License-Identifier: Apache-2.0
#include "steps/kubelet-edits/kubelet_edits.hpp"
#include "steps/steps.hpp"
#include "systemd/manager.hpp"

namespace {

using namespace eks;

Access access()
{
        auto access = access_to_plan();
        access.writes = {"/etc/kubernetes", "/run/eks", "/var/lib/eks"};
        access.asks_manager = true;
        return access;
}

} // namespace

int main(int argc, char** argv)
{
        return run_step({.name = "eks-kubelet-edits",
                                .purpose = "apply the changes in kubelet-config.json",
                                .access = access(),
                                .connect = connect_to_manager},
                argc, argv, [](Context& context) {
                        Manager manager;
                        take_over_kubelet_edits(context, manager);
                });
}
