// SPDX-License-Identifier: Apache-2.0
// What bootstrap.sh and nodeadm have in common on a node that runs.
#pragma once

#include "base/error.hpp"
#include "bootstrap.hpp"

namespace eks {

// Take the layers over as `eksnode apply` does, which refuses what is wrong before it touches anything: then
// the files are put back as they were before the call. What it says goes to standard error, for on standard
// output the commands of other images print nothing. Throws Error (node_not_started).
void apply_call(const FilesBefore& before);

// A call that failed, for the journal.
void record_failure(const char* program, const Error& e, int exit_status);

} // namespace eks
