// SPDX-License-Identifier: Apache-2.0
// The messages (MESSAGE_ID=) of eksnode. Their constants, event::step_finished and failure::file_io, are
// generated from helpers/data/messages.txt, like the journal's catalog and eks-messages(7).
#pragma once

#include <string_view>

namespace eks {

// Exit statuses of every program here, after sysexits.h where it has one.
enum class Errc { failed = 1, usage = 2, unreachable = 69, try_again = 75, bad_config = 78 };

// A milestone in the journal.
struct Event {
        std::string_view name;
        std::string_view id; // 128 bits, 32 lower-case hex digits
};

// A way to fail; each has its own exit status and catalog entry.
struct Failure {
        std::string_view name;
        std::string_view id;
        Errc status;
};

} // namespace eks

#include "base_messages.hpp"
