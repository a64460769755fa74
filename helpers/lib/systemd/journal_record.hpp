// SPDX-License-Identifier: Apache-2.0
// The record of a journal that was moved to last. Inline, because few programs load libsystemd.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include <systemd/sd-journal.h>

#include "base/fd.hpp"

namespace eks {

using JournalPtr = std::unique_ptr<sd_journal, Deleter<sd_journal_close>>;

// "MESSAGE"; "" if the record has none. Valid until the next call.
inline std::string_view journal_field(sd_journal* journal, const char* name)
{
        const void* data = nullptr;
        std::size_t length = 0;
        if (::sd_journal_get_data(journal, name, &data, &length) < 0)
                return {};

        const std::string_view whole(static_cast<const char*>(data), length);
        return whole.substr(whole.find('=') + 1);
}

// Without control characters, for the terminal.
inline std::string printable(std::string_view text)
{
        std::string printed(text);
        std::ranges::replace_if(
                printed, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
        return printed;
}

// Only records with "FIELD=value". False if there is no memory.
inline bool match_journal(sd_journal* journal, std::string_view field)
{
        return ::sd_journal_add_match(journal, field.data(), field.size()) >= 0;
}

} // namespace eks
