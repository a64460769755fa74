// SPDX-License-Identifier: Apache-2.0
// How a node gets what its configuration lacks: as eksnode does, with its own code, and as two others do.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "services.hpp"

namespace fleet {

enum class Need { nothing, cluster, instance };

struct Case {
        const char* name;
        const char* title;
        Need need;
        bool credentials_in_environment = false; // no metadata service
        Time brown_out{0};
};

inline constexpr std::array<Case, 5> cases{{
        {.name = "complete", .title = "Complete configuration", .need = Need::nothing},
        {.name = "private-dns-name", .title = "DescribeInstances for the name", .need = Need::instance},
        {.name = "describe-cluster", .title = "DescribeCluster for the cluster", .need = Need::cluster},
        {.name = "imds-off",
                .title = "No metadata service: DescribeInstances for facts",
                .need = Need::instance,
                .credentials_in_environment = true},
        {.name = "brown-out",
                .title = "DescribeCluster, and the region's APIs answer with errors for 5 minutes",
                .need = Need::cluster,
                .brown_out = 300s},
}};

// What a client has of its world.
struct Node {
        Simulation* simulation;
        Cloud* cloud;
        Machine machine;
        std::size_t restarts = 0; // of the step, by eks-retry.timer
};

struct Client {
        const char* name;
        const char* title;
        // False if the client gives up.
        bool (*get)(Node& node, const Case& what);
};

bool get_as_eksnode(Node& node, const Case& what);
bool get_as_plain_backoff(Node& node, const Case& what);
bool get_as_bootstrap_script(Node& node, const Case& what);

inline constexpr std::array<Client, 3> clients{{
        {.name = "eksnode", .title = "eksnode", .get = get_as_eksnode},
        {.name = "plain-backoff",
                .title = "exponential backoff without jitter, 30 attempts",
                .get = get_as_plain_backoff},
        {.name = "bootstrap-script",
                .title = "bootstrap.sh of AL2, four tries",
                .get = get_as_bootstrap_script},
}};

// When eks-retry.timer elapses, counted from its start.
std::vector<Time> retry_schedule();

} // namespace fleet
