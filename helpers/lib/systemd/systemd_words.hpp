// SPDX-License-Identifier: Apache-2.0
// How systemd splits a line of arguments that an EnvironmentFile= sets and a unit's ExecStart= uses as
// $NAME.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eks {

struct SystemdWords {
        std::vector<std::string> words;
        bool open = false; // a quote is not closed, or a backslash ends the text
};

// The words that systemd makes of `text`, which follows other words on its line. Blanks separate; quotes
// group and are removed; a backslash is removed and keeps the next character (once when the file is read,
// once when it is split); $ and % have no meaning. A quote that is not closed ends with the text.
SystemdWords split_as_systemd(std::string_view text);

// The text that split_as_systemd() turns into the single word `word`. It must not hold line breaks.
std::string quote_for_systemd(std::string_view word);

} // namespace eks
