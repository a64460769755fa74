// SPDX-License-Identifier: Apache-2.0
// What nodeadm decides, apart from what it starts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "chain.hpp"
#include "validate/validate.hpp"

namespace eks {

// The first of nodeadm's own checks that the configuration does not pass, in nodeadm's words.
std::optional<std::string> missing_field(const Json& tree);

// Everything that is wrong with a chain by itself, as `config check` says it; nodeadm's checks come first.
Findings check_chain(const Root& root, const Chain& chain);

// What a call adds to the layers of this node: the sources that are no layers already, merged, and those
// behind them, so that the last one wins. User data and /etc/eks/nodeadm.d are layers. The texts of
// containerd.config become one.
Json layer_of_call(const Chain& chain);

// Keys whose value is null, which takes away what a layer below sets. TOML has no null.
std::vector<std::string> null_keys(const Json& tree);

// User data on this machine: as eks-imds fetched it, else from the metadata service.
std::optional<std::string> user_data_of_machine(const Root& root);

// The cache says something else than the chain, or cannot be read; false without a cache.
bool differs_from_cache(const Root& root, const std::string& cache, const Chain& chain);

} // namespace eks
