// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "base/ask_in_child.hpp"
#include "base/fs.hpp"
#include "config/addresses.hpp"
#include "net/dns.hpp"
#include "node/node.hpp"
#include "steps/hosts/hosts.hpp"

namespace {

using namespace eks;
using namespace std::chrono_literals;

constexpr auto answer_timeout = 2s; // of one server
constexpr int most_servers = 3;

std::vector<NameServer> servers(const Root& root)
{
        // If systemd-resolved is used, the servers that it forwards to.
        for (const auto* path : {"/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"})
                if (const auto text = read_file_if_exists(root(path)))
                        return name_servers(*text);
        return name_servers("");
}

// What a server sends is parsed by a process that cannot write.
std::vector<std::string> ask(const Root& root, const std::string& host)
{
        const auto answer = ask_in_child(
                [&] {
                        confine(root, {.reads = {"/etc/host.conf", "/etc/hosts", "/etc/nsswitch.conf",
                                               "/etc/resolv.conf", "/run/systemd/resolve"},
                                              .writes = {},
                                              .internet = true});
                        return lookup_addresses(host, servers(root), answer_timeout);
                },
                most_servers * answer_timeout + 1s);
        if (answer.lines.empty() || !std::ranges::all_of(answer.lines, is_address))
                throw Error(failure::host_unresolved,
                        answer.wrong.empty() ? fmt::format("the addresses of '{}' cannot be read", host)
                                             : answer.wrong,
                        std::string(dns_remedy));

        return answer.lines;
}

void step(Context& context)
{
        const auto node = load_node_inputs(context.root());
        if (!node.spec.cluster.outpost)
                return remove_hosts(context);
        const auto lookup = [&](const std::string& host) { return ask(context.root(), host); };
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
