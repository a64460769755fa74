// SPDX-License-Identifier: Apache-2.0
// All errors of a configuration, for `eksnode validate` in CI, and `eksnode apply` and `eksnode set` on a
// node.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/sources.hpp"
#include "node/version.hpp"

namespace eks {

struct Findings {
        Problems problems;
        std::vector<Note> notes;
};

struct Strictness {
        bool strict = false;               // doubtful values are problems
        bool complete = true;              // an image, which gets its cluster later, need not be
        bool node = false;                 // keys that no step acts on are problems, not notes
        bool steps = true;                 // what the steps refuse, too; the caller may plan them itself
        std::string_view imds = imds_path; // the file of the facts, for messages
        std::optional<Version> kubelet =
                {}; // that is judged by; else the one of this machine, else each known one
};

// The findings of the layers, the checks of values and the steps, sorted by place. The steps are planned as
// on a node, so that one with this configuration refuses nothing else; without facts (`imds`), for an
// example instance. If this need not be the node, what it lacks is a note.
Findings check_configuration(const Root& root, Resolved resolved, const Json& imds, const Strictness& how);

} // namespace eks
