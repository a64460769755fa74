// SPDX-License-Identifier: Apache-2.0
// The state of the chain, as the service manager has it.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

#include "systemd/manager.hpp"
#include "verbs/status/status.hpp"

namespace eks {

std::uint64_t now(clockid_t clock); // in µs

// The units that `root` pulls in, directly or not, as far as in_chain(). Throws Error (manager_unreachable).
UnitStates read_chain(Manager& manager, const std::string& root);

// When eks-retry.timer elapses next, in seconds from now. Throws as above.
Seconds retry_in(Manager& manager);

} // namespace eks
