// SPDX-License-Identifier: Apache-2.0
// The words and operators of a shell script.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/shell_cursor.hpp"
#include "config/shell_words.hpp"

namespace eks {

struct ShellToken {
        enum class Kind { word, control, end };
        Kind kind = Kind::end;
        ShellWord word;
        std::string_view control; // "\n", ";", ";;", "&", "&&", "|", "||", "(", ")"
};

// Comments, redirections and here-documents are read over: they do not change a call's arguments.
class ShellLexer {
public:
        // Both must outlive it; `source` names the script in messages.
        ShellLexer(std::string_view script, const std::string& source) : cursor_(script, source) {}

        // The next token, and at the end one of Kind::end. Throws nothing.
        ShellToken next();

        // Behind "name (": whether a ')' comes next, which is taken then: that is the head of a function.
        bool take_closing_paren();

private:
        std::string_view take_control();
        bool take_redirection();
        void skip_here_documents();

        struct HereDocument {
                std::string delimiter;
                bool tabs; // leading tabs do not count
        };

        ShellCursor cursor_;
        std::vector<HereDocument> here_documents_; // begin behind this line
};

} // namespace eks
