// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/fs.hpp"
#include "steps/user-scripts/user_scripts.hpp"
#include "support.hpp"

using namespace eks;

TEST_CASE("Only a script that waits for kubelet is not waited for", "[user-scripts]")
{
        ScriptsState state{.installed = true, .active = "activating", .queued = true, .processes = {}};
        CHECK(judge(state) == Wait::go_on);
        for (const auto* waiting : {"systemctl restart kubelet", "/usr/bin/systemctl start kubelet.service",
                     "systemctl enable --now kubelet", "systemctl start eks-node.target",
                     "systemctl restart containerd kubelet", "systemctl start eks-user-scripts",
                     "systemctl is-system-running --wait"}) {
                CAPTURE(waiting);
                state.processes = {"/bin/sh /var/lib/cloud/scripts/part-001", waiting};
                CHECK(judge(state) == Wait::asked_for);
        }
        for (const auto* other : {"systemctl restart containerd", "systemctl restart eks-config",
                     "systemctl start eks-configured.target", "systemctl --no-block start kubelet",
                     "systemctl stop kubelet", "systemctl status kubelet", "systemctl enable kubelet",
                     "systemctl restart kubelet-exporter", "systemctl is-system-running",
                     "sleep kubelet restart", "systemctl"}) {
                CAPTURE(other);
                state.processes = {other};
                CHECK(judge(state) == Wait::go_on);
        }
        CHECK(judge({.installed = true, .active = "active", .queued = false, .processes = {}}) ==
                Wait::over);
        CHECK(judge({.installed = false, .active = "", .queued = false, .processes = {}}) == Wait::over);
}

TEST_CASE("A step is affected if a file would differ, if its link was replaced, or if it cannot render",
        "[user-scripts]")
{
        const test::TemporaryDirectory machine;
        machine.write("/var/lib/eks/rendered/etc/a", "one");
        machine.write("/etc/a", "edited by hand");
        const auto affected = [&](const File& file) {
                const auto steps = affected_steps(machine.root(),
                        {{.name = "eks-a", .plan = {.files = {file}, .notes = {}}, .error = {}}});
                return !steps.empty();
        };
        CHECK_FALSE(affected({.path = "/etc/a", .content = "one"}));
        CHECK(affected({.path = "/etc/a", .content = "two"}));
        CHECK(affected({.path = "/etc/b", .content = "new"}));
        CHECK(affected({.path = "/etc/a", .content = {}, .kind = File::Kind::absent}));
        CHECK_FALSE(affected({.path = "/etc/b", .content = {}, .kind = File::Kind::absent}));
        CHECK(affected({.path = "/etc/link", .content = "a", .kind = File::Kind::link}));
        machine.write("/etc/link", "a file in its place");
        CHECK(affected({.path = "/etc/link", .content = "a", .kind = File::Kind::link}));
        remove_if_exists(machine("/etc/link"));
        link_atomically(machine("/etc/link"), "a");
        CHECK_FALSE(affected({.path = "/etc/link", .content = "a", .kind = File::Kind::link}));
        CHECK(affected({.path = "/etc/link", .content = "b", .kind = File::Kind::link}));

        const auto broken = affected_steps(machine.root(),
                {{.name = "eks-b",
                        .plan = {},
                        .error = Error(failure::config_syntax, "line 1: no end", "mend it")}});
        REQUIRE(broken.size() == 1);
        CHECK(broken[0].step == "eks-b");
        CHECK(broken[0].error == "line 1: no end");
}
