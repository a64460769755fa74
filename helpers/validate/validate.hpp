// SPDX-License-Identifier: Apache-2.0
// All errors of a configuration, for `eksnode validate` in CI, and `eksnode apply` and `eksnode set` on a
// node.
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
        bool strict = false;  // doubtful values are problems
        bool complete = true; // an image, which gets its cluster later, need not be
        bool node = false;    // keys that no step acts on are problems, not notes
};

// The findings of the layers, the checks of values and the steps, without the files of a node. `imds` are
// facts for the checks, or null. Throws Error (config_missing).
Findings check_configuration(const Root& root, Resolved resolved, const Json& imds, const Strictness& how);

// "warning:" and "error:" lines; a hint follows its errors.
std::string text_of(const Findings& findings);

} // namespace eks
