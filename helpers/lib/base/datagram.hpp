// SPDX-License-Identifier: Apache-2.0
// Records for journald and states for the service manager, as sd_journal_sendv(3) and sd_notify(3) send
// them. Both protocols are stable and a few lines long (https://systemd.io/JOURNAL_NATIVE_PROTOCOL,
// sd_notify(3)), whereas every step would load libsystemd for them, with five libraries that it needs.
#pragma once

#include <string>
#include <string_view>

namespace eks {

// Adds a field to a record of journald's native protocol. A value may have several lines.
void add_field(std::string& record, std::string_view key, std::string_view value);

// Sends it; without a journal, or if it does not fit into a datagram, it is lost.
void send_record(std::string_view record) noexcept;

// Sends lines such as STATUS=… to $NOTIFY_SOCKET; without one, to nobody.
void notify_manager(std::string_view state) noexcept;

} // namespace eks
