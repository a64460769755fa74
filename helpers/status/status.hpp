// SPDX-License-Identifier: Apache-2.0
// eksnode status: the chain as a tree, with state and time of every step, and the remedy of what failed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace eks {

// What the manager says of one unit.
struct UnitState {
        std::string load;                  // LoadState: loaded, masked, not-found
        std::string active;                // ActiveState
        std::string sub;                   // SubState
        std::string result;                // Result of a service: success, exit-code, timeout, …
        std::string status;                // the STATUS= a step sent last
        int exit_status = 0;               // of the main process
        bool conditions = true;            // ConditionResult of the last start
        bool asserts = true;               // AssertResult of the last start
        std::uint64_t started = 0;         // CLOCK_MONOTONIC in µs: left the inactive state; 0 never
        std::uint64_t finished = 0;        // became active, or failed
        std::vector<std::string> pulls_in; // BindsTo=, Requires= and Wants= that belong to the chain
};

using UnitStates = std::map<std::string, UnitState>;

// True for units that the tree shows: ours, kubelet and containerd.
bool in_chain(const std::string& unit);

// The tree below `root`, every unit once, at the place nearest the root. Times are of each unit's own start.
std::string render_status(const UnitStates& units, const std::string& root);

// What a person changed of rendered files, and which of it decides whom kubelet trusts; "" if nothing.
std::string render_edits(const std::vector<std::string>& paths);

// 0 if `root` is active, 1 if something failed, 75 while it is on its way.
int chain_exit_status(const UnitStates& units, const std::string& root);

} // namespace eks
