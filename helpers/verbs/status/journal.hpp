// SPDX-License-Identifier: Apache-2.0
// The last records of this boot, by unit. Each question reads a bounded number of them by the journal's
// index.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "systemd/journal_record.hpp"
#include "verbs/status/daemon_errors.hpp"

namespace eks {

class Journal {
public:
        // Without the permission to read the journal there are no records.
        Journal();

        // What the processes of a unit wrote, the newest first.
        std::vector<JournalRecord> of_processes(const std::string& unit, std::size_t limit);

        // What systemd said of a program that it could not start or that ended: "" if nothing.
        std::string of_manager(const std::string& unit);

        // The newest record of the manager about one of these units that contains one of these texts; "" if
        // none does.
        std::string of_manager(
                const std::vector<std::string>& units, const std::vector<std::string_view>& texts);

        // Whether there is a record of this message id with this text.
        bool has(const std::string& message_id, const std::string& text);

        // The records of steps, by unit, the newest first.
        std::map<std::string, std::vector<JournalRecord>> of_steps(const std::vector<std::string>& units);

private:
        bool match(const std::string& field);
        bool begin();
        std::string field(const char* name);
        JournalRecord read();

        JournalPtr journal_;
        std::string boot_;
};

} // namespace eks
