// SPDX-License-Identifier: Apache-2.0
#include "config/shell_lexer.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace eks {

namespace {

// Of two that begin alike, the longer stands first.
constexpr std::array<std::string_view, 9> controls{"&&", "||", ";;", "\n", ";", "&", "|", "(", ")"};
constexpr std::array<std::string_view, 8> redirections{"<<<", ">>", ">&", ">|", "<&", "<>", ">", "<"};

std::string here_document_delimiter(ShellCursor& cursor)
{
        std::string delimiter;
        if (!cursor.at_end() && cursor.peek() != '\n')
                for (const auto& piece : read_shell_word(cursor).pieces)
                        delimiter += piece.text;
        return delimiter;
}

} // namespace

ShellToken ShellLexer::next()
{
        for (;;) {
                cursor_.skip_blanks();
                if (cursor_.at_end())
                        return {};
                if (cursor_.peek() == '#') {
                        cursor_.skip_to('\n');
                        continue;
                }
                if (take_redirection())
                        continue;
                if (const auto control = take_control(); !control.empty())
                        return {ShellToken::Kind::control, {}, control};
                return {ShellToken::Kind::word, read_shell_word(cursor_), {}};
        }
}

std::string_view ShellLexer::take_control()
{
        if (cursor_.starts("((")) // arithmetic, whose "<<" is no here-document
                return {};
        const auto* const control =
                std::ranges::find_if(controls, [&](auto candidate) { return cursor_.starts(candidate); });
        if (control == controls.end())
                return {};
        cursor_.skip(control->size());
        if (*control == "\n")
                skip_here_documents();
        return *control;
}

bool ShellLexer::take_closing_paren()
{
        cursor_.skip_blanks();
        if (!cursor_.starts(")"))
                return false;
        cursor_.skip(1);
        return true;
}

bool ShellLexer::take_redirection()
{
        std::size_t digits = 0; // "2>&1"
        while (cursor_.peek(digits) >= '0' && cursor_.peek(digits) <= '9')
                ++digits;
        const bool both = cursor_.starts("&>");
        const char sign = cursor_.peek(both ? 1 : digits);
        if ((sign != '<' && sign != '>') || (!both && digits == 0 && cursor_.peek(1) == '('))
                return false; // "<(" is a word
        cursor_.skip(both ? 1 : digits);
        if (cursor_.starts("<<") && !cursor_.starts("<<<")) {
                cursor_.skip(2);
                const bool tabs = cursor_.peek() == '-';
                cursor_.skip(tabs ? 1 : 0);
                cursor_.skip_blanks();
                here_documents_.push_back({here_document_delimiter(cursor_), tabs});
                return true;
        }
        cursor_.skip(std::ranges::find_if(redirections, [&](auto candidate) {
                return cursor_.starts(candidate);
        })->size());
        cursor_.skip_blanks();
        if (!cursor_.at_end() && cursor_.peek() != '\n')
                read_shell_word(cursor_);
        return true;
}

void ShellLexer::skip_here_documents()
{
        for (const auto& document : here_documents_)
                while (!cursor_.at_end()) {
                        const auto begin = cursor_.position();
                        cursor_.skip_to('\n');
                        auto line = cursor_.since(begin);
                        cursor_.skip(1);
                        if (line.ends_with('\r'))
                                line.remove_suffix(1);
                        if (document.tabs)
                                line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
                        if (line == document.delimiter)
                                break;
                }
        here_documents_.clear();
}

} // namespace eks
