// SPDX-License-Identifier: Apache-2.0
// The decisions of nodeadm, separate from its actions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compat/nodeadm/arguments.hpp"
#include "compat/nodeadm/chain.hpp"
#include "verbs/validate/validate.hpp"

namespace eks {

// The first of nodeadm's own checks that fails for the configuration, with nodeadm's text.
std::optional<std::string> missing_field(const Json& tree);

// All errors of a chain, as printed by `config check`; nodeadm's checks come first.
Findings check_chain(const Root& root, const Chain& chain);

// The layer that a call adds to those of this node: the sources that are not layers already, merged, and all
// later ones, so that the last one overrides. User data and /etc/eks/nodeadm.d are layers. The texts of
// containerd.config become one.
Json layer_of_call(const Chain& chain);

// Keys with the value null, which would remove a key of a lower layer. TOML has no null.
std::vector<std::string> null_keys(const Json& tree);

// User data on this machine: as eks-imds fetched it, else from the metadata service.
std::optional<std::string> user_data_of_machine(const Root& root);

// Whether the cache differs from the chain, or cannot be read; false without a cache.
bool differs_from_cache(const Root& root, const std::string& cache, const Chain& chain);

} // namespace eks
