// SPDX-License-Identifier: Apache-2.0
// All that is wrong with a configuration, wherever it is looked at: `eksnode validate` in CI, `eksnode
// apply` and `eksnode set` on a node.
#pragma once

#include <string>
#include <vector>

#include "config/sources.hpp"

namespace eks {

struct Findings {
        Problems problems;
        std::vector<Note> notes;
};

struct Strictness {
        bool strict = false;  // what is doubtful is a problem
        bool complete = true; // an image, which gets its cluster later, need not be
        bool node = false;    // keys that no step acts on are problems, not notes
};

// What the layers, the checks of values and the steps have to say, without the files of a node. `imds` are
// facts to hold the values against, or null. Throws Error (config_missing).
Findings check_configuration(const Root& root, Resolved resolved, const Json& imds, const Strictness& how);

// "warning:" and "error:" lines; a hint stands below the errors that it is for.
std::string text_of(const Findings& findings);

} // namespace eks
