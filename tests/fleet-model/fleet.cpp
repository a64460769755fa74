// SPDX-License-Identifier: Apache-2.0
#include "fleet.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace fleet {

namespace {

constexpr double most_served_calls = 1.5; // for each node

// kubelet repeats what the API server refuses: client-go as Retry-After says, ten times; the registration
// 0.1 s later, doubling to 7 s, for ever.
void ask_api_server(ApiServer& server, Node& node, ApiServer::Kind kind)
{
        constexpr unsigned client_go_retries = 10;
        unsigned busy = 0;
        for (Time pause = 200ms;;) {
                const auto answer = server.request(node.machine, kind);
                if (answer == ApiServer::Answer::done)
                        return;
                if (answer == ApiServer::Answer::busy && busy++ < client_go_retries) {
                        node.simulation->sleep(ApiServer::retry_after);
                        continue;
                }

                busy = 0;
                node.simulation->sleep(pause);
                pause = std::min<Time>(pause * 2, 7s);
        }
}

// The images of the network plugin and of kube-proxy, beside the certificate.
void pull(Node& node, std::vector<Time>& ready)
{
        constexpr Time longest_pause = 300s; // of kubelet's image backoff
        for (Time pause = 10s; !node.cloud->registry_login(node.machine);
                pause = std::min(pause * 2, longest_pause))
                node.simulation->sleep(pause);
        node.simulation->sleep(node.machine.random.between(3s, 7s));
        ready.push_back(node.simulation->now());
}

void boot(Node& node, ApiServer& server, Result& result)
{
        const auto& simulation = *node.simulation;
        node.simulation->sleep(node.machine.random.between(200ms, 400ms)); // the chain before the call
        if (result.what->need != Need::nothing && !result.client->get(node, *result.what))
                return;

        node.simulation->sleep(node.machine.random.between(1s, 2s)); // kubelet starts
        for (int i = 0; i < 4; ++i)
                ask_api_server(server, node, ApiServer::Kind::reading);
        ask_api_server(server, node, ApiServer::Kind::mutating);
        result.joined.push_back(simulation.now());
        node.simulation->start(simulation.now(), [&node, &result] { pull(node, result.ready); });

        ask_api_server(server, node, ApiServer::Kind::mutating);
        server.await_certificate();
        result.certified.push_back(simulation.now());
}

} // namespace

Result boot_fleet(const Case& what, const Client& client, std::size_t count)
{
        Result result{
                .what = &what, .client = &client, .nodes = count, .calls = {}, .api = {}, .logins = {}};
        Simulation simulation;
        Cloud cloud(simulation, what.brown_out);
        ApiServer server(simulation);

        std::vector<Node> nodes;
        nodes.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
                Node node{.simulation = &simulation,
                        .cloud = &cloud,
                        .machine = {.id = fmt::format("i-{:017x}", i), .random = Random(i)}};
                const auto starts = node.machine.random.between(0s, 1s);
                constexpr double late_names = 0.02;
                if (node.machine.random() < late_names)
                        node.machine.name_at = starts + node.machine.random.between(1s, 8s);
                nodes.push_back(std::move(node));

                simulation.start(
                        starts, [&node = nodes.back(), &server, &result] { boot(node, server, result); });
        }

        simulation.run();
        for (auto* times : {&result.joined, &result.certified, &result.ready})
                std::ranges::sort(*times);
        for (const auto& node : nodes)
                result.restarts += node.restarts;
        result.calls = cloud.calls();
        result.api = server.requests();
        result.logins = cloud.logins();

        return result;
}

Time percentile(const std::vector<Time>& times, std::size_t nodes, double part)
{
        const auto wanted = static_cast<std::size_t>(std::ceil(static_cast<double>(nodes) * part));
        return wanted > times.size() ? Time(-1) : times[std::max<std::size_t>(wanted, 1) - 1];
}

std::vector<std::string> broken_promises(const Result& result)
{
        std::vector<std::string> broken;
        const auto name = result.what->name;
        if (result.joined.size() != result.nodes)
                broken.push_back(fmt::format(
                        "{}: {} of {} nodes have joined", name, result.joined.size(), result.nodes));
        if (result.what->need == Need::nothing && result.calls.sent != 0)
                broken.push_back(fmt::format(
                        "{}: {} calls of AWS with a complete configuration", name, result.calls.sent));
        if (result.per_node(result.calls.served) > most_served_calls)
                broken.push_back(fmt::format("{}: {:.2f} served calls for each node, at most {}", name,
                        result.per_node(result.calls.served), most_served_calls));
        return broken;
}

} // namespace fleet
