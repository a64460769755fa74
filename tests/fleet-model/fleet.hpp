// SPDX-License-Identifier: Apache-2.0
// A fleet that boots within one second, with one kind of client.
#pragma once

#include <string>
#include <vector>

#include "clients.hpp"

namespace fleet {

struct Result {
        const Case* what;
        const Client* client;
        std::size_t nodes = 0;
        Tally calls;                      // of EC2 and EKS, for what the configuration lacks
        Tally api;                        // requests to the API server
        Tally logins;                     // of the registry
        std::size_t restarts = 0;         // of eksnode's step
        std::vector<Time> joined = {};    // when each node was registered, sorted
        std::vector<Time> certified = {}; // when it had its serving certificate
        std::vector<Time> ready = {};     // when it had the images of its first pods

        double per_node(std::size_t count) const
        {
                return static_cast<double>(count) / static_cast<double>(nodes);
        }
};

Result boot_fleet(const Case& what, const Client& client, std::size_t nodes);

// The time at which that part of the nodes had come, or nothing if they never did: a negative time.
Time percentile(const std::vector<Time>& times, std::size_t nodes, double part);

// What eksnode promises and this result does not hold; empty if all is well.
std::vector<std::string> broken_promises(const Result& result);

} // namespace fleet
