// SPDX-License-Identifier: Apache-2.0
// /etc/eks/bootstrap.sh of Amazon Linux 2, as a program: its arguments become a layer of the configuration,
// and the node is started with it.
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"
#include "call.hpp"
#include "config/command_layer.hpp"

namespace eks {

// The id of this instance: as eks-imds found it; before that as the firmware says it, or cloud-init. Throws
// Error (facts_missing).
std::string instance_of_machine(const Root& root);

// Sorted before bootstrap.toml, which wins over it.
inline constexpr std::string_view edits_layer = "/var/lib/eks/commands.d/bootstrap-edits.toml";

// What an earlier call has left in this layer; null if it is none of this instance, or cannot be read.
Json layer_of_instance(const Root& root, std::string_view path, const std::string& instance);

// Syncs the layers when it goes: a disk may take longer for that than the node to start.
class SyncLayers {
public:
        explicit SyncLayers(const Root& root) : root_(&root) {}
        SyncLayers(const SyncLayers&) = delete;
        SyncLayers& operator=(const SyncLayers&) = delete;
        ~SyncLayers();

private:
        const Root* root_;
};

// "cluster.name was 'a', is 'b' now": what two calls give differently.
std::vector<std::string> contradictions(const Json& earlier, const Json& now);

} // namespace eks
