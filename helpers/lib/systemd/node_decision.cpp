// SPDX-License-Identifier: Apache-2.0
#include "systemd/node_decision.hpp"

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "systemd/manager.hpp"

namespace eks {

namespace {

constexpr std::string_view generated = "/run/systemd/generator";

} // namespace

bool is_chosen_as_node(const Root& root)
{
        return exists(root(fmt::format("{}/multi-user.target.wants/eks-node.target", generated)));
}

std::string why_not_a_node(const Root& root)
{
        if (const auto decision = read_file_if_exists(root(fmt::format("{}/{}", generated, decision_file))))
                return std::string(trim(*decision));

        // The generator may not have run since.
        if (exists(root(installed_marker)))
                return "eksnode was installed in this boot; create /etc/eks/node.enabled, then run "
                       "`systemctl daemon-reload` and `systemctl start eks-node.target`";

        return "it is not an EC2 instance, and neither eks.node= nor a file says that it is one; create "
               "/etc/eks/node.enabled and reboot";
}

std::string why_node_cannot_start(Manager& manager, const Root& root)
{
        if (is_chosen_as_node(root) || manager.unit("kubelet.service").text("LoadState") != "not-found")
                return {};
        return fmt::format("this machine is not a node: {}", why_not_a_node(root));
}

} // namespace eks
