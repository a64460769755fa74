// SPDX-License-Identifier: Apache-2.0
// The scripts in the user data, as the service manager sees them: they run in cloud-init's last stage.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "systemd/manager.hpp"

namespace eks {

inline constexpr const char* last_stage = "cloud-final.service";

// The state of cloud-init's last stage at one moment.
struct ScriptsState {
        bool installed = false;             // there is a cloud-final.service
        std::string active;                 // its ActiveState
        bool queued = false;                // it has a job
        std::vector<std::string> processes; // command lines of its processes

        // Whether scripts may still run.
        bool ahead() const;
};
ScriptsState look_at_scripts(Manager& manager);

// The script that runs, and the program that it waits for, as the end of a text: ": /var/lib/…/part-001,
// which runs 'sleep'"; "" if there is none. Arguments are left out, because they may be secret.
std::string running_script(const ScriptsState& state);

// How long the steps wait for the scripts: $EKS_USER_SCRIPTS_TIMEOUT seconds, else 15 minutes, the time
// after which Karpenter replaces a node. Throws Error (usage).
std::chrono::seconds scripts_timeout();

// Whether a command line is one that waits for the start of a unit: `systemctl start kubelet`,
// `/bin/systemctl enable --now kubelet`. `systemctl is-system-running --wait` waits for all of them.
bool systemctl_waits_for(
        std::string_view command_line, const std::function<bool(std::string_view unit)>& concerned);

} // namespace eks
