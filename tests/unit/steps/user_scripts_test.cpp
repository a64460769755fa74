// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/fs.hpp"
#include "steps/user-scripts/user_scripts.hpp"
#include "support.hpp"

using namespace eks;

TEST_CASE("Only a script that waits for kubelet is not waited for", "[user-scripts]")
{
        ScriptsState state{.installed = true, .active = "activating", .queued = true, .processes = {}};
        CHECK(next_wait(state) == Wait::go_on);

        for (const auto* waiting : {"systemctl restart kubelet", "/usr/bin/systemctl start kubelet.service",
                     "systemctl enable --now kubelet", "systemctl start eks-node.target",
                     "systemctl restart containerd kubelet", "systemctl start eks-user-scripts",
                     "systemctl is-system-running --wait"}) {
                CAPTURE(waiting);
                state.processes = {"/bin/sh /var/lib/cloud/scripts/part-001", waiting};
                CHECK(next_wait(state) == Wait::asked_for);
        }

        for (const auto* other : {"systemctl restart containerd", "systemctl restart eks-config",
                     "systemctl start eks-configured.target", "systemctl --no-block start kubelet",
                     "systemctl stop kubelet", "systemctl status kubelet", "systemctl enable kubelet",
                     "systemctl restart kubelet-exporter", "systemctl is-system-running",
                     "sleep kubelet restart", "systemctl"}) {
                CAPTURE(other);
                state.processes = {other};
                CHECK(next_wait(state) == Wait::go_on);
        }

        CHECK(next_wait({.installed = true, .active = "active", .queued = false, .processes = {}}) ==
                Wait::over);
        CHECK(next_wait({.installed = false, .active = "", .queued = false, .processes = {}}) == Wait::over);
}
