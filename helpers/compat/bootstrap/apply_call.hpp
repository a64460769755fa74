// SPDX-License-Identifier: Apache-2.0
// Shared by bootstrap.sh and nodeadm, on a running node.
#pragma once

#include "base/error.hpp"
#include "compat/bootstrap/bootstrap.hpp"

namespace eks {

// Apply the layers as `eksnode apply` does. It refuses an invalid configuration before it changes anything;
// the files of before the call are then restored. Its output goes to standard error, because the original
// commands print nothing to standard output. Throws Error (node_not_started).
void apply_call(const FilesBefore& before);

// A call that failed, for the journal. `command` is the name that scripts call: eks-config repeats the cause
// if no cluster is configured.
void record_failure(const char* program, const std::string& command, const Error& e, int exit_status);

// Forgets the refused call, when a later one was accepted.
void forget_refused_call();

} // namespace eks
