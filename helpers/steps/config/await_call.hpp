// SPDX-License-Identifier: Apache-2.0
// User data of Amazon Linux 2 is a script. cloud-init runs it, and it names the cluster by calling
// bootstrap.sh. Until then the cluster is unknown, and eks-config waits.
#pragma once

#include "config/sources.hpp"
#include "steps/config/scripts_observer.hpp"
#include "systemd/scripts.hpp"
#include "systemd/step.hpp"

namespace eks {

// Whether no layer names a cluster, but a script still may.
bool awaits_call(const Resolved& resolved);

// The reason why no call can follow, as a sentence; "" if one still can. A script that waits for containerd
// or kubelet, which wait for us, never reaches its call.
std::string no_call_to_come(const ScriptsState& state);

// The error for a node whose scripts have not named a cluster: it names a refused call, or the scripts that
// failed. Images without the compatibility commands have no bootstrap.sh to call, so they get another
// remedy.
Error call_missing(const Root& root, const std::string& why);

// Wait until a layer names a cluster. Throws Error (call_missing) when the scripts have ended without that,
// when they cannot get there, and after $EKS_USER_SCRIPTS_TIMEOUT seconds.
Resolved await_call(Context& context, ScriptsObserver& observer);

} // namespace eks
