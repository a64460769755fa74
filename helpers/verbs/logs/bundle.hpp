// SPDX-License-Identifier: Apache-2.0
// Collects all sources side by side, and writes what they give in the order in which it comes.
#pragma once

#include <chrono>
#include <cstddef>
#include <ctime>
#include <span>
#include <string>
#include <vector>

#include "verbs/logs/archive.hpp"
#include "verbs/logs/collect.hpp"
#include "verbs/logs/sources.hpp"

namespace eks {

struct BundleFile {
        std::string name;
        std::size_t size;
};

// What index.html shows.
struct Contents {
        std::vector<BundleFile> files;
        std::vector<std::string> problems; // "SOURCE: what is wrong"
        std::string status;                // of eksnode-status
        std::string diagnosis;             // of eksnode-diagnose
        bool left_behind = false;          // a source hangs in the kernel: end by _exit()
};

struct Pace {
        std::chrono::milliseconds timeout;     // of each source
        std::chrono::milliseconds grace{1500}; // then it is left behind
        unsigned at_once = 6;                  // sources; each holds a few MiB
};

// Throws what the archive throws.
Contents write_sources(
        std::span<const Source> sources, const Surroundings& here, const Pace& pace, Archive& archive);

} // namespace eks
