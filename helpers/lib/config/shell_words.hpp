// SPDX-License-Identifier: Apache-2.0
// One word of a shell script: its quotes taken away, its expansions found but not made.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problems.hpp"
#include "config/shell_cursor.hpp"

namespace eks {

struct ShellPiece {
        enum class Kind { text, variable, unknown };
        Kind kind = Kind::text;
        std::string text;  // the characters; the variable's name; what stands in the script
        std::string wrong; // why it is unknown
        bool quoted = false;
};

struct ShellWord {
        std::vector<ShellPiece> pieces;
        Where where;

        // The word if it is without any quoting or expansion, else nothing: only then it may be `if` or `{`.
        std::string_view plain() const
        {
                const bool one =
                        pieces.size() == 1 && pieces[0].kind == ShellPiece::Kind::text && !pieces[0].quoted;
                return one ? std::string_view(pieces[0].text) : std::string_view();
        }
};

// The word here, which must not be the end; the cursor stands behind it then, one character on at least.
// What only a running shell could say (command substitutions, arithmetic, arrays, $1) becomes a piece that
// is unknown. Throws nothing: every text is a word.
ShellWord read_shell_word(ShellCursor& cursor);

// How many characters at the front are a variable's name.
std::size_t shell_name_length(std::string_view text);

} // namespace eks
