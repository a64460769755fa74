// SPDX-License-Identifier: Apache-2.0
// Reads one source of the list, whatever its kind.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <string>

#include "base/root.hpp"
#include "verbs/logs/files.hpp"
#include "verbs/logs/sources.hpp"

namespace eks {

// What all sources share.
struct Surroundings {
        Root root;
        std::string verbs;                                     // directory of the verbs of eksnode
        bool has_systemd = false;                              // as PID 1 of this machine
        std::uint64_t since = 0;                               // of the journal, in microseconds
        bool is_live() const { return root.prefix().empty(); } // and not a volume of another machine
};

struct Results {
        std::function<void(std::string name, std::string text, std::time_t mtime)> add;
        std::function<void(std::string text)> problem;
};

// Whether it can exist here at all: no program is run for another root.
bool applies(const Source& source, const Surroundings& here);

// Absent files and programs are no problem. Does not throw.
void collect(
        const Source& source, const Surroundings& here, LogClock::time_point end, const Results& results);

} // namespace eks
