// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "node/proxy.hpp"
#include "steps/cluster/cluster.hpp"

namespace {

using namespace eks;

void ask(Context& context, const NodeDocument& document)
{
        const auto imds = load_imds(context.root());
        const auto question = question_about(document.tree["spec"]["cluster"]["name"], imds);
        const auto say = [&](const std::string& text) {
                context.awaiting(text);
                context.log().debug(text);
        };

        const auto until = [&](std::chrono::seconds limit) {
                context.wait_until(limit, "the step fails, and eks-retry.timer tries it again");
        };

        const auto answer = ask_eks(context.root(), question, instance_facts(imds),
                {.say = say, .until = until, .warn = [&](const std::string& text) {
                         context.log().warning(text);
                 }});
        context.apply(plan_cluster(document, imds, question, answer));
        context.did(fmt::format("EKS says that '{}' is {}", question.name, answer.status), false);
}

} // namespace

int main(int argc, char** argv)
{
        // Read by libeksnode-aws.so and the libraries that it loads; not needed if the configuration is
        // complete.
        const Access access{.reads = {"/etc/credstore", "/etc/eks", "/etc/gai.conf", "/etc/host.conf",
                                    "/etc/hosts", "/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/pki",
                                    "/etc/resolv.conf", "/etc/ssl", "/lib", "/lib64", "/proc/sys/crypto",
                                    "/run/credentials", "/run/credstore", "/run/systemd/resolve", "/usr"},
                .writes = {"/run/eks"},
                .loads_libraries = true, // libeksnode-aws.so
                .internet = true};
        return run_step({.name = "eks-cluster",
                                .purpose = "ask EKS for what the configuration lacks about the cluster",
                                .access = access},
                argc, argv, [](Context& context) {
                        const auto document = load_node_document(context.root());
                        if (document.asks_eks) {
                                use_environment(
                                        load_node_inputs(context.root(), ClusterNeed::as_configured));
                                ask(context, document);
                        } else {
                                context.did("the configuration has everything about the cluster", false);
                        }
                });
}
