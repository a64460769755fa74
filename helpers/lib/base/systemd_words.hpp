// SPDX-License-Identifier: Apache-2.0
// How systemd takes a line of arguments apart that a unit's ExecStart= names as $NAME, and that stands in an
// EnvironmentFile=.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eks {

struct SystemdWords {
        std::vector<std::string> words;
        bool open = false; // a quote is not closed, or the backslash at the end has nothing to keep
};

// The words that systemd makes of `text`, which stands behind other words on its line: blanks separate,
// quotes group and go, a backslash goes and keeps what follows (once when the file is read, once in the
// splitting), $ and % mean nothing. A quote that is not closed ends with the text.
SystemdWords split_as_systemd(std::string_view text);

// The text that split_as_systemd() makes the one word `word` of. It must not hold line breaks.
std::string quote_for_systemd(std::string_view word);

} // namespace eks
