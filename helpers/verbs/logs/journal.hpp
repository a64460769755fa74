// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "systemd/journal_record.hpp"
#include "verbs/logs/files.hpp"

namespace eks {

// That of this machine, or the files below a root. Throws Error (file_io).
JournalPtr open_journal(const Root& root);

// Whether any file of it may be read.
bool has_journal(const Root& root);

// The units of a list of names and patterns of glob(7), by the unit files below the root.
std::vector<std::string> units_matching(const Root& root, const std::vector<std::string>& patterns);

struct JournalQuery {
        std::vector<std::string> units; // of any, as `journalctl -u` finds them
        std::string match;              // or "FIELD=value"; all records without both
        std::uint64_t since = 0;        // microseconds since 1970
        std::size_t limit = 0;          // bytes of text
};

struct JournalText {
        std::string text; // redacted, in UTC: the last `limit` bytes
        bool is_cut = false;
};

// Read from the end. At the deadline the text is that of the records read so far.
JournalText journal_text(const Root& root, const JournalQuery& query, LogClock::time_point end);

} // namespace eks
