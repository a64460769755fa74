// SPDX-License-Identifier: Apache-2.0
// What the journal adds to the units' states.
#pragma once

#include <string>

#include "verbs/status/status.hpp"

namespace eks {

// Add errors of daemons, warnings of steps, earlier failures, and the causes that only systemd has recorded.
void add_records(UnitStates& units);

// The error that ended this run of a daemon, for its ExecStopPost=; "" if it says nothing. Waits up to half
// a second for its last lines.
std::string what_ended(const std::string& unit);

} // namespace eks
