// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"
#include "systemd/node_decision.hpp"

using namespace eks;

TEST_CASE("The generator's decision is read as it was written", "[node-decision]")
{
        const test::TemporaryDirectory machine;
        const Root root(machine.path());
        CHECK_FALSE(is_chosen_as_node(root));
        CHECK(why_not_a_node(root).starts_with("it is not an EC2 instance"));

        // Before systemd has run the generator again.
        machine.write("/run/eks/installed", "");
        CHECK(why_not_a_node(root).find("`systemctl daemon-reload`") != std::string::npos);

        machine.write(
                "/run/systemd/generator/eks-node.decision", "/etc/eks/node.disabled exists; remove it\n");
        CHECK(why_not_a_node(root) == "/etc/eks/node.disabled exists; remove it");

        machine.write("/run/systemd/generator/multi-user.target.wants/eks-node.target", "");
        CHECK(is_chosen_as_node(root));
}
