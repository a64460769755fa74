// SPDX-License-Identifier: Apache-2.0
// What a changed configuration means for a node that runs: which files differ from those in place, which
// steps have to run again for that, and which daemons read the files. Pure: `eksnode apply` shows it,
// take_over.hpp does it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan.hpp"

namespace eks {

// A file that differs from its planned content.
struct FileChange {
        std::string step; // that answers for it
        File file;
        Outcome outcome;    // what the step will do with it
        std::string daemon; // the unit that reads it when it starts; empty if no restart is needed
};

// What is done to a unit, in the order of Changes::actions.
struct Action {
        enum class Kind {
                run,   // a step again: reloaded if it is active, else started
                close, // a step is no longer needed: it takes away what it wrote, and is then stopped alone
                start, // a daemon whose gate opens
                restart, // a daemon
                follow,  // what restarts with containerd; restarted if it did not
                stop,    // what is no longer needed, alone
        };
        Kind kind;
        std::string unit;
        bool operator==(const Action&) const = default;
};

struct Changes {
        std::vector<FileChange> files;   // edits by hand that stand are among them, and cause nothing
        std::vector<std::string> opened; // gates, by name
        std::vector<std::string> closed;
        std::vector<Action> actions;      // empty if nothing changes
        std::vector<std::string> at_boot; // what takes effect only when the machine boots again
        bool needs_volume = false;        // containerd is to get a volume: not while it runs
};

// `steps` are plan_node()'s. Daemons of `pending` restart too, whatever changes. Throws Error (file_io).
Changes find_changes(const Root& root, const std::vector<PlannedStep>& steps,
        const std::vector<std::string>& pending = {});

// "restart kubelet.service"
std::string text_of(const Action& action);

} // namespace eks
