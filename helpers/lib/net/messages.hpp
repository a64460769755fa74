// SPDX-License-Identifier: Apache-2.0
// The message ids of what only the network's users throw. The others are in base/messages.hpp, which
// everything includes; the texts are in man/eks-node.catalog.
#pragma once

#include "base/messages.hpp"

namespace eks::failure {

inline constexpr Failure role_missing{"role-missing", "1e423df6f1c84dfc949cf17b4b20fda4", Errc::unreachable};

} // namespace eks::failure
