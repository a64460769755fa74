// SPDX-License-Identifier: Apache-2.0
// The effect of a changed configuration on a running node: the files that differ, the steps to run again,
// and the daemons that read the files. Pure: `eksnode apply` shows it, take_over.hpp does it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verbs/plan/plan.hpp"

namespace eks {

// A file that differs from its planned content.
struct FileChange {
        std::string step; // that writes it
        File file;
        Outcome outcome;    // the action of the step
        std::string daemon; // the unit that reads it when it starts; empty if no restart is needed
};

// An action on a unit, in the order of Changes::actions.
struct Action {
        enum class Kind {
                run,     // a step again: reloaded if it is active, else started
                close,   // a step is no longer needed: it removes its files, and is then stopped alone
                start,   // a daemon whose gate opens
                restart, // a daemon
                follow,  // what restarts with containerd; restarted if it did not
                stop,    // a unit that is no longer needed, alone
        };
        Kind kind;
        std::string unit;
        bool operator==(const Action&) const = default;
};

struct Changes {
        std::vector<FileChange> files;   // includes edited files that are kept, which cause no action
        std::vector<std::string> opened; // gates, by name
        std::vector<std::string> closed;
        std::vector<Action> actions;      // empty if nothing changes
        std::vector<std::string> at_boot; // changes that take effect at the next boot
        // A key whose disks are to be mounted below containerd's files: not while it runs.
        std::string needs_stop = {};
};

// `steps` are plan_node()'s. Daemons of `pending` restart too, whatever changes. Throws Error (file_io).
Changes find_changes(const Root& root, const std::vector<PlannedStep>& steps,
        const std::vector<std::string>& pending = {});

// "restart kubelet.service"
std::string text_of(const Action& action);

} // namespace eks
