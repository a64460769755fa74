// SPDX-License-Identifier: Apache-2.0
// What must not be read in a journal, on a console or in a terminal. Error, Log and the messages about
// configuration pass every text through here, so that no caller has to remember it.
#pragma once

#include <string>
#include <string_view>

namespace eks {

// One value that somebody else wrote, without user and password, and without query and fragment if it is a
// URL: "https://…@host/path?…".
std::string without_secrets(std::string_view value);

// The same for a text that may hold such values, each between quotes or blanks.
std::string hide_secrets(std::string_view text);

// What a parser says of a syntax error, without what it read: nlohmann's "last read: '…'".
std::string without_input(std::string_view message);

// Whether the value of a key is not to be shown at all, going by the names in its path: password, token,
// auth, …
bool names_secret(std::string_view key);

} // namespace eks
