// SPDX-License-Identifier: Apache-2.0
// Files below a root that somebody else may have filled: no link leads out of it.
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/root.hpp"

namespace eks {

using LogClock = std::chrono::steady_clock;

// A file that a pattern matches.
struct Match {
        std::string path; // of the node
        std::string
                name; // below the directory of the bundle: what the last part of the pattern matched, and on
};

// The files that a pattern of glob(7) matches, with all below matched directories, sorted.
std::vector<Match> find_files(const Root& root, const std::string& pattern, LogClock::time_point end);

// Opened for reading; empty if there is no such file, or it is no regular file. Below /var/log/, where pods
// may make links, only what lies there. Throws Error (file_io).
UniqueFd open_below(const Root& root, const std::string& path);

struct Text {
        std::string text; // redacted
        std::time_t mtime = 0;
        bool is_binary = false; // then there is no text
        std::size_t size = 0;   // of the file; of a longer file the text is the end
};

// The last `limit` bytes. Throws Error (file_io), also at the deadline.
std::optional<Text> read_text(
        const Root& root, const std::string& path, std::size_t limit, LogClock::time_point end);

} // namespace eks
