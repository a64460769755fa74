// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "base/fs.hpp"
#include "hosts.hpp"
#include "net/dns.hpp"
#include "node/node.hpp"

namespace {

using namespace eks;
using namespace std::chrono_literals;

constexpr auto answer_timeout = 2s; // of one server

std::vector<NameServer> servers(const Root& root)
{
        // If systemd-resolved is used, the servers that it forwards to.
        for (const auto* path : {"/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"})
                if (const auto text = read_file_if_exists(root(path)))
                        return name_servers(*text);
        return name_servers("");
}

void step(Context& context)
{
        const auto node = load_node_inputs(context.root());
        if (!node.spec.cluster.outpost)
                return remove_hosts(context);
        const auto lookup = [&](const std::string& host) {
                return lookup_addresses(host, servers(context.root()), answer_timeout);
        };
        update_hosts(context, node.spec.cluster.endpoint,
                {.lookup = lookup, .sleep = [](auto time) { std::this_thread::sleep_for(time); }});
}

} // namespace

int main(int argc, char** argv)
{
        // Replacing a file in /etc needs write access to the directory.
        return run_step({.name = "eks-hosts",
                                .purpose = "keep the API server of a local cluster in /etc/hosts",
                                .access = {.reads = {"/run/eks", "/run/systemd/resolve", "/etc/resolv.conf"},
                                        .writes = {"/etc"},
                                        .internet = true}},
                argc, argv, step);
}
