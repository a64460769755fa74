// SPDX-License-Identifier: Apache-2.0
// eks-user-scripts: kubelet waits for the scripts in the user data, and gets the configuration that they
// leave behind (script_changes.hpp). Reads: the manager's state, every layer again. Writes: nothing; it has
// eks-config and the steps whose files would differ run again. Again: scripts that have ended are not waited
// for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/manager.hpp"
#include "script_changes.hpp"

namespace eks {

// What is seen of cloud-init's last stage at one moment.
struct ScriptsState {
        bool installed = false;             // there is a cloud-final.service
        std::string active;                 // its ActiveState
        bool queued = false;                // it has a job
        std::vector<std::string> processes; // command lines of what runs in it
};

enum class Wait { go_on, over, asked_for };

// Whether to wait on. A script that calls `systemctl restart kubelet` waits for us: then it is asked_for.
Wait judge(const ScriptsState& state);

// Until they have ended, or one asks for us. Throws Error (user_scripts_timeout) after
// $EKS_USER_SCRIPTS_TIMEOUT seconds.
void wait_for_scripts(Context& context, Manager& manager);

} // namespace eks
