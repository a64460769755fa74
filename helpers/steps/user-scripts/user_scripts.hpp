// SPDX-License-Identifier: Apache-2.0
// eks-user-scripts: lets kubelet wait for the scripts in the user data, and applies their changes of the
// configuration (script_changes.hpp). Reads: the manager's state, every layer again. Writes: nothing; it has
// eks-config and the steps whose files would differ run again. Again: scripts that have ended are not waited
// for.
#pragma once

#include "steps/user-scripts/script_changes.hpp"
#include "systemd/scripts.hpp"

namespace eks {

enum class Wait { go_on, over, asked_for };

// Whether to continue waiting. A script that calls `systemctl restart kubelet` waits for us: then the result
// is asked_for.
Wait next_wait(const ScriptsState& state);

// Wait until they have ended, or one waits for us, or has called bootstrap.sh or nodeadm. Throws Error
// (user_scripts_timeout) after $EKS_USER_SCRIPTS_TIMEOUT seconds.
void wait_for_scripts(Context& context, Manager& manager);

} // namespace eks
