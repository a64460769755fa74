// SPDX-License-Identifier: Apache-2.0
// eksnode status: the chain as a tree, with state and time of every step, and the remedy of a failure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/daemons.hpp"
#include "base/swaps.hpp"

namespace eks {

// The manager's state of one unit.
struct UnitState {
        std::string load;                  // LoadState: loaded, masked, not-found
        std::string active;                // ActiveState
        std::string sub;                   // SubState
        std::string result;                // Result of a service: success, exit-code, timeout, …
        std::string status;                // the STATUS= a step sent last
        int exit_status = 0;               // of the main process, or the signal that ended it
        bool killed = false;               // it was a signal
        unsigned restarts = 0;             // by Restart=, since the last explicit start
        std::string last_line;             // of a daemon that restarts: its last message
        bool conditions = true;            // ConditionResult of the last start
        bool asserts = true;               // AssertResult of the last start
        std::uint64_t started = 0;         // CLOCK_MONOTONIC in µs: left the inactive state; 0 never
        std::uint64_t finished = 0;        // became active, or failed
        std::vector<std::string> pulls_in; // BindsTo=, Requires= and Wants= that belong to the chain
};

using UnitStates = std::map<std::string, UnitState>;

// True for units that the tree shows: ours, kubelet, containerd and soci-snapshotter.
bool in_chain(const std::string& unit);

// The tree below `root`, every unit once, at the place nearest the root. Times are of each unit's own start.
// `retry_in` is how long until eks-retry.timer starts the chain again, if it is to; shown while `root` is
// not active.
using Seconds = std::optional<std::uint64_t>;
std::string render_status(const UnitStates& units, const std::string& root, Seconds retry_in = std::nullopt);

// The daemons that have an older configuration than what is on disk; "" if none.
std::string render_stale(const std::vector<StaleDaemon>& daemons);

// The rendered files that were edited, and which of them decide whom kubelet trusts; "" if none.
std::string render_edits(const std::vector<std::string>& paths);

// Bytes of a filesystem.
struct SpaceUse {
        double used = 0;
        double size = 0;
};

// What has changed since eks-instance-store has run.
struct StorageNow {
        std::function<SpaceUse(const std::string& directory)> use;
        std::function<std::string(const std::string& array)> loss; // "" if it is whole
};

// The disks, array and mounts of the instance store, as eks-instance-store has recorded them, what the array
// has lost since, and how full the mounts are; "" without a record.
std::string render_storage(const std::string& record, const StorageNow& now);

// Swap: what the configuration asks for, and what is on; "" if there is neither.
std::string render_swap(const SwapRecord& record, const std::vector<SwapArea>& areas);

// 0 if `root` is active, 1 if something failed, 75 while it is starting or will be tried again.
int chain_exit_status(const UnitStates& units, const std::string& root, Seconds retry_in = std::nullopt);

} // namespace eks
