// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "node/proxy.hpp"
#include "steps/ec2/ec2.hpp"

namespace {

using namespace eks;

// Without what EC2 has said before.
NodeInputs load_node(const Root& root)
{
        auto node = load_node_inputs(root, ClusterNeed::as_configured);
        node.ec2 = {};
        node.facts = instance_facts(load_imds(root));
        return node;
}

CallWatch watch(Context& context)
{
        return {.say =
                        [&](const std::string& text) {
                                context.awaiting(text);
                                context.log().debug(text);
                        },
                .until =
                        [&](std::chrono::seconds limit) {
                                context.wait_until(limit,
                                        "the node starts without the answer if it can, else the step fails "
                                        "and eks-retry.timer tries it again");
                        },
                .warn = [&](const std::string& text) { context.log().warning(text); }};
}

std::string described(const Ec2Facts& facts)
{
        std::string text = facts.private_dns_name.empty()
                                   ? "EC2 was asked"
                                   : fmt::format("EC2 says that this is '{}'", facts.private_dns_name);
        for (const auto& [name, type] : facts.types)
                text += fmt::format("; '{}' has {} network interfaces of {} addresses", name, type.max_enis,
                        type.ipv4_per_eni);
        return text;
}

void ask(Context& context)
{
        const auto node = load_node(context.root());
        const auto needs = ec2_needs(node);
        if (!needs.any()) {
                context.did("the metadata and the table of instance types tell everything", false);
                return;
        }

        const auto known = earlier_answers(context.root(), node.facts);
        const auto open = remaining_needs(needs, known);
        if (!open.any()) {
                context.apply(plan_ec2(node.facts, {known, {}}));
                context.did(fmt::format("EC2 was not asked: '{}' has its answers", ec2_copy_path), false);
                return;
        }

        use_environment(node);
        const auto watching = watch(context);
        const auto answers = ask_ec2(node, open, known, ec2_world(node, open, watching));
        context.apply(plan_ec2(node.facts, answers));
        context.did(described(answers.facts), false);
}

} // namespace

int main(int argc, char** argv)
{
        // Read by libeksnode-aws.so and the libraries that it loads.
        const Access access{.reads = {"/etc/credstore", "/etc/eks", "/etc/gai.conf", "/etc/host.conf",
                                    "/etc/hosts", "/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/pki",
                                    "/etc/resolv.conf", "/etc/ssl", "/lib", "/lib64", "/proc/sys/crypto",
                                    "/run/credentials", "/run/credstore", "/run/systemd/resolve", "/usr"},
                .writes = {"/run/eks", "/var/lib/eks"},
                .loads_libraries = true, // libeksnode-aws.so
                .internet = true};
        return run_step({.name = "eks-ec2",
                                .purpose = "ask EC2 for what the instance metadata does not tell",
                                .access = access},
                argc, argv, ask);
}
