// SPDX-License-Identifier: Apache-2.0
// The user's TOML for containerd: drop-ins and containerd.config, merged over what we have.
#pragma once

#include <vector>

#include "node/node.hpp"
#include "node/runtimes.hpp"

namespace eks {

// What the user gave, in order: drop-ins, then the node's configuration.
std::vector<Sourced> user_texts(const NodeInputs& node);

// Merges them over `config`, which is of the schema of the node's containerd. `described` is what
// containerd_settings() gives for the handlers. Throws Error as plan_containerd_config() says of the user's
// settings.
void merge_user_settings(Json& config, const Json& described, const NodeInputs& node,
        const RuntimeHandlers& handlers, std::vector<Note>& notes);

// What can be said of the user's TOML and descriptors without a node: the notes of what no schema has.
// Throws Error as above.
void check_user_configs(const NodeSpec& spec, std::vector<Note>& notes);

} // namespace eks
