// SPDX-License-Identifier: Apache-2.0
// eksnode status: the chain as a tree, with state and time of every step, and the remedy of a failure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "systemd/daemons.hpp"
#include "systemd/swaps.hpp"

namespace eks {

// What keeps a unit from being started although nothing of it has failed.
struct Obstacle {
        std::string reason; // in a few words
        std::string cause;
        std::string place;       // the file to change; "" if none is known
        std::string remedy = {}; // beside a change of that file
        std::string unit = {};   // whose records tell more
};

// The manager's state of one unit.
struct UnitState {
        std::string load;                    // LoadState: loaded, masked, not-found, bad-setting, error
        std::string active;                  // ActiveState
        std::string sub;                     // SubState
        std::string result;                  // Result of a service: success, exit-code, timeout, …
        std::string status;                  // the STATUS= a step sent last
        int exit_status = 0;                 // of the main process, or the signal that ended it
        bool killed = false;                 // it was a signal
        unsigned restarts = 0;               // by Restart=, since the last explicit start
        std::uint64_t restart_delay = 0;     // RestartSec= in µs
        std::string last_line;               // of a daemon that restarts: its last error
        bool conditions = true;              // ConditionResult of the last start
        bool asserts = true;                 // AssertResult of the last start
        std::uint64_t started = 0;           // CLOCK_MONOTONIC in µs: left the inactive state; 0 never
        std::uint64_t finished = 0;          // became active, or failed
        std::vector<std::string> pulls_in;   // BindsTo=, Requires= and Wants= that belong to the chain
        std::vector<std::string> requires_;  // BindsTo= and Requires= of these
        std::vector<std::string> after = {}; // After= that belongs to the chain
        bool gate_closed = false;            // eks-config does not want the step (any more)
        std::vector<std::string> lacks;      // steps without which its assertions fail
        std::string cause = {}; // of a failure, from the journal: systemd's words, or the last line
        std::string earlier_failure = {};       // of a step that works again: what its last run ended with
        std::vector<std::string> warnings = {}; // of the last run of a step
        std::vector<std::string> drop_ins = {}; // of an admin, that replace its program or settings
        std::vector<std::string> places = {};   // of the configuration that the failure is about
        std::string last_error = {};            // of a running kubelet, if it is new
        std::string not_registered = {};        // why kubelet could not register the node
        bool registered = false;                // kubelet has registered it, and said so lately
        std::optional<bool> ready = {};         // the node's condition, as kubelet has reported it
        std::string why_not_ready = {};
        std::optional<Obstacle> obstacle = {};
        bool never_tried = false;        // systemd has never begun to start it, and is not about to
        std::string waits_for = {};      // with a queued job: units outside the chain that it follows
        std::string failed_command = {}; // of ExecStartPre= or ExecCondition=, with how it ended
        std::vector<std::string> admins_files = {}; // all drop-ins of an admin
        std::map<std::string, std::vector<std::string>> settings =
                {};                  // of each of these: "User=", "LimitNOFILE=3"
        std::string program = {};    // of the first ExecStart=
        std::string time_limit = {}; // "TimeoutStartSec=", with its value, that stopped it
};

// Exit statuses by which systemd says why it could not execute a program (203) or apply a setting.
inline constexpr int first_status_of_systemd = 200;

using UnitStates = std::map<std::string, UnitState>;

// True for units that the tree shows: ours, kubelet, containerd and soci-snapshotter.
bool in_chain(const std::string& unit);

// Whether its last run has failed, also of a unit that restarts itself.
bool has_ended(const UnitState& unit);

// Whether a unit has failed that the node needs, also one that restarts itself.
bool has_failed(const UnitState& unit);

// A step that the configuration does not ask for.
bool is_skipped(const UnitState& unit);

// "exit status 78", "killed by signal 9", "masked": why the unit is not up.
std::string reason_of(const UnitState& unit);

using Seconds = std::optional<std::uint64_t>;

// What is known beside the units.
struct Situation {
        Seconds retry_in = std::nullopt; // eks-retry.timer starts the chain again then
        bool chosen = true;              // eks-node-generator has made this machine a node
        std::string why_not = {};        // its reason if it has not
        std::string explain_key = {};    // the key that the first failure is about
        std::uint64_t now = 0;           // CLOCK_MONOTONIC in µs
        bool clock_synchronised = true;
        bool core_dumps = false;      // systemd-coredump keeps what a process leaves that crashes
        std::string join_change = {}; // what eks-join says to change, if kubelet could not register the node
};

// The units that keep `root` from being reached, the root cause first: failed ones, daemons that end again
// and again, and masked or absent ones that are needed.
std::vector<std::string> find_blockers(const UnitStates& units, const std::string& root);

// The first lines: whether this is a node, whether it is up, what blocks it or what it waits for; the cause,
// where it can be changed, and what happens next.
std::string render_verdict(const UnitStates& units, const std::string& root, const Situation& situation);

// Units of the chain that are ordered in a circle through `name`: each is after the next one, and the last
// one after `name`. Empty if there is none.
std::vector<std::string> ordering_cycle(const UnitStates& units, const std::string& name);

// The tree below `root`, every unit once, at the place nearest the root. Times are of each unit's own start.
// Steps that are not needed are listed on one line below it.
std::string render_status(const UnitStates& units, const std::string& root);

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

// 0 if the node is up, 1 if something failed or nothing was started, 75 while it is starting, will be tried
// again, or kubelet could not register the node yet.
int chain_exit_status(const UnitStates& units, const std::string& root, Seconds retry_in = std::nullopt);

} // namespace eks
