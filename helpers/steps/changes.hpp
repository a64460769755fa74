// SPDX-License-Identifier: Apache-2.0
// The effect of a changed configuration on a node: the files that differ, the steps to run again, and the
// daemons that read the files. Pure: `eksnode apply` shows it, take_over.hpp does it, there and after the
// scripts of the user data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "steps/plan.hpp"

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
        // A key whose disks are to be mounted below containerd's files: only while it does not run.
        std::string needs_stop = {};
};

// What eks-config has decided, or would decide now.
struct Decision {
        Json spec;                      // of node.json
        std::vector<std::string> gates; // those that are open
};

// As it stands on this node.
Decision present_decision(const Root& root);

// How the changes are to be found.
struct Finding {
        // Of before eks-config ran again. Without it, eks-config is to run, and the first of the steps.
        std::optional<Decision> before = {};
        // Daemons that restart too, whatever changes.
        std::vector<std::string> pending = {};
};

// `steps` are plan_node()'s, or with `before` those of plan_steps(). kubelet has not started in that case:
// it and the sandbox image are left alone, and containerd restarts for a disk that is mounted below its
// files. Throws Error (file_io).
Changes find_changes(const Root& root, const std::vector<PlannedStep>& steps, const Finding& finding = {});

// "restart kubelet.service"
std::string text_of(const Action& action);

} // namespace eks
