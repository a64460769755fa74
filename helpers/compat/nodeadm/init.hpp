// SPDX-License-Identifier: Apache-2.0
// nodeadm init: its sources become a layer of the configuration, and the node is started with it.
#pragma once

#include <functional>
#include <string>

#include "compat/nodeadm/arguments.hpp"
#include "compat/nodeadm/chain.hpp"
#include "steps/take_over.hpp"

namespace eks {

// Throws Error: config_invalid, and then nothing was written; node_not_started; those of the manager.
void init_node(const Root& root, const NodeadmOptions& options, const Chain& chain, const Say& say,
        const Say& warn);

} // namespace eks
