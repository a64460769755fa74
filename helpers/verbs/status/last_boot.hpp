// SPDX-License-Identifier: Apache-2.0
// What the journal of a machine that does not run tells of its last boot: of a detached volume, or of
// another root.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

// The last record of a step, or of a daemon that ended with an error.
struct EndedUnit {
        std::string name;       // "eks-config", "kubelet.service"
        std::string result;     // changed, unchanged or failed; "" of a daemon
        std::string text;       // what it did, or why it failed
        std::string remedy;     // "" if it did not fail
        std::uint64_t time = 0; // µs since 1970
};

// Of the newest boot in the journal below this root in which steps ran, by time. Throws Error (file_io) if
// there is no journal, or no such boot.
std::vector<EndedUnit> units_of_last_boot(const Root& root);

// A verdict, and a line for each.
std::string render_last_boot(const std::vector<EndedUnit>& units);

// 0 if nothing failed, else 1.
int last_boot_exit_status(const std::vector<EndedUnit>& units);

// Prints it to stdout and returns that status.
int print_last_boot(const Root& root);

} // namespace eks
