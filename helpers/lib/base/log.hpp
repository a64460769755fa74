// SPDX-License-Identifier: Apache-2.0
// The journal, with fields; plain lines on stderr if stderr is not connected to the journal (a terminal,
// CI).
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/messages.hpp"

namespace eks {

enum class Level { err = 3, warning = 4, notice = 5, info = 6, debug = 7 };

// One field of a journal record. Keys are upper case without a leading underscore: journald drops others
// silently.
struct Field {
        std::string_view key;
        std::string value;
};

class Log {
public:
        // `step` is the syslog identifier; `threshold` the least severe level that is written at all.
        Log(std::string step, Level threshold);

        void write(Level level, std::string_view message, std::string_view message_id = {},
                const std::vector<Field>& fields = {}) const;

        // A record that is written to the console, too, as every error is.
        void write_with_console(Level level, const std::string& message, std::string_view message_id) const;

        std::size_t warnings() const { return warnings_; } // so far

        void warning(std::string_view message) const { write(Level::warning, message); }
        void notice(std::string_view message) const { write(Level::notice, message); }
        void info(std::string_view message) const { write(Level::info, message); }
        void debug(std::string_view message) const { write(Level::debug, message); }

private:
        std::string step_;
        Level threshold_;
        mutable std::size_t warnings_ = 0;
        bool journal_; // stderr is a stream of journald's, so native records reach it as well
};

// sd_notify(3) STATUS=: the "Status:" line of `systemctl status`.
void notify_status(std::string_view text);

// Ask the manager for more time before TimeoutStartSec= counts as passed, in seconds from now.
void notify_extend_timeout(unsigned seconds);

} // namespace eks
