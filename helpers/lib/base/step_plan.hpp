// SPDX-License-Identifier: Apache-2.0
// What a pure function decides: files, and remarks about them.
#pragma once

#include <string>
#include <vector>

#include "base/conffile.hpp"
#include "base/log.hpp"

namespace eks {

// A remark, logged by the caller.
struct Note {
        Level level;
        std::string text;
        bool strict = false; // an error under `eksnode validate --strict`
};

// The decisions of a step.
struct StepPlan {
        std::vector<File> files;
        std::vector<Note> notes;
        std::vector<std::string> decisions = {}; // each with what it rests on; for the level debug
};

} // namespace eks

// Their code is in libeksnode-base once, as that of JSON.
extern template class std::vector<eks::Note>;
extern template class std::vector<eks::File>;
