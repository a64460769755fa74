// SPDX-License-Identifier: Apache-2.0
// The user's TOML for containerd: drop-ins and containerd.config, merged over ours.
#pragma once

#include <vector>

#include "containerd/runtimes.hpp"
#include "node/node.hpp"

namespace eks {

// The user's TOML, in order: drop-ins, then the node's configuration. `notes`: as drop_ins().
std::vector<Sourced> user_texts(const NodeInputs& node, std::vector<Note>* notes = nullptr);

// Merges them over `config`, which is of the schema of the node's containerd. `described` is the result of
// containerd_settings() for the handlers; one that is named as the default is rendered. Throws Error as
// plan_containerd_config() says of the user's settings.
void merge_user_settings(Json& config, const Json& described, const NodeInputs& node,
        RuntimeHandlers& handlers, std::vector<Note>& notes);

// Checks the user's TOML and descriptors without a node; returns notes about settings that are in no schema.
// Throws Error as above.
void check_user_configs(const NodeSpec& spec, std::vector<Note>& notes);

} // namespace eks
