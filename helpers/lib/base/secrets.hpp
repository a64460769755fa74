// SPDX-License-Identifier: Apache-2.0
// Removes secrets from texts for journal, console and terminal. Error, Log and the messages about
// configuration pass every text through here, so callers need not do it.
#pragma once

#include <string>
#include <string_view>

namespace eks {

// A foreign value, without user and password, and without query and fragment if it is a URL:
// "https://…@host/path?…". What follows the beginning of a private key in PEM is left out.
std::string without_secrets(std::string_view value);

// The same for a text that may hold such values, each between quotes or blanks.
std::string hide_secrets(std::string_view text);

// A parser's text about a syntax error, without the quoted input: nlohmann's "last read: '…'".
std::string without_input(std::string_view message);

// A key path for a message. A quoted part is cut at '=': a user who writes "TOKEN=secret" as the name of a
// variable means its value.
std::string shown_key(std::string_view key);

// Whether the value of a key must not be shown, judged by the names in its path: password, token, auth, …
bool names_secret(std::string_view key);

} // namespace eks
