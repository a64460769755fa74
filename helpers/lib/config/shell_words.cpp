// SPDX-License-Identifier: Apache-2.0
#include "config/shell_words.hpp"

namespace eks {

namespace {

using Piece = ShellPiece;

bool name_start(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool name_character(char c)
{
        return name_start(c) || (c >= '0' && c <= '9');
}

void add_text(ShellWord& word, std::string_view text, bool quoted)
{
        auto& pieces = word.pieces;
        if (pieces.empty() || pieces.back().kind != Piece::Kind::text || pieces.back().quoted != quoted)
                pieces.push_back({.kind = Piece::Kind::text, .text = {}, .wrong = {}, .quoted = quoted});
        pieces.back().text += text;
}

void add_variable(ShellWord& word, std::string_view name, bool quoted)
{
        word.pieces.push_back(
                {.kind = Piece::Kind::variable, .text = std::string(name), .wrong = {}, .quoted = quoted});
}

void add_unknown(ShellWord& word, std::string_view text, std::string_view wrong, bool quoted)
{
        constexpr std::size_t shown = 100;
        word.pieces.push_back({.kind = Piece::Kind::unknown,
                .text = std::string(text.substr(0, shown)),
                .wrong = std::string(wrong),
                .quoted = quoted});
}

// Goes behind `closer`. With a stack of its own: nesting in the script must not become recursion here.
void skip_nested(ShellCursor& cursor, char closer)
{
        std::string open(1, closer);
        for (; !cursor.at_end() && !open.empty(); cursor.skip(1)) {
                const char c = cursor.peek();
                if (c == '\\') {
                        cursor.skip(1);
                } else if (c == open.back()) {
                        open.pop_back();
                } else if (c == '\'' && open.back() != '"') {
                        cursor.skip(1);
                        cursor.skip_to('\'');
                } else if (c == '"' || c == '`') {
                        open += c;
                } else if (c == '$' && (cursor.peek(1) == '(' || cursor.peek(1) == '{')) {
                        open += cursor.peek(1) == '(' ? ')' : '}';
                        cursor.skip(1);
                } else if (c == '(' && open.back() == ')') {
                        open += ')';
                }
        }
}

// What stands from here to `closer`, `opener` characters being open already.
void unknown(ShellCursor& cursor, ShellWord& word, std::size_t opener, char closer, std::string_view wrong,
        bool quoted)
{
        const auto begin = cursor.position();
        cursor.skip(opener);
        skip_nested(cursor, closer);
        add_unknown(word, cursor.since(begin), wrong, quoted);
}

// "${": a variable in braces, or one of the expansions that change it.
void braces(ShellCursor& cursor, ShellWord& word, bool quoted)
{
        const auto name = cursor.rest().substr(2);
        const auto length = shell_name_length(name);
        if (length > 0 && cursor.peek(2 + length) == '}') {
                add_variable(word, name.substr(0, length), quoted);
                cursor.skip(3 + length);
        } else {
                unknown(cursor, word, 2, '}', "a parameter expansion that this version does not read",
                        quoted);
        }
}

// At '$' or '`'.
void expansion(ShellCursor& cursor, ShellWord& word, bool quoted)
{
        constexpr std::string_view special = "0123456789@*#?-$!";
        const auto name = cursor.rest().substr(1);
        if (cursor.peek() == '`') {
                unknown(cursor, word, 1, '`', "a command substitution", quoted);
        } else if (name.starts_with('(')) {
                unknown(cursor, word, 2, ')',
                        name.starts_with("((") ? "arithmetic" : "a command substitution", quoted);
        } else if (name.starts_with('{')) {
                braces(cursor, word, quoted);
        } else if (const auto length = shell_name_length(name)) {
                add_variable(word, name.substr(0, length), quoted);
                cursor.skip(1 + length);
        } else if (special.find(cursor.peek(1)) != std::string_view::npos) {
                add_unknown(word, cursor.rest().substr(0, 2), "known only to the running script", quoted);
                cursor.skip(2);
        } else {
                add_text(word, "$", quoted);
                cursor.skip(1);
        }
}

// A quotation from `begin` that has no end.
void unclosed(ShellCursor& cursor, ShellWord& word, std::size_t begin)
{
        cursor.skip(cursor.rest().size());
        add_unknown(word, cursor.since(begin), "a quotation without an end", true);
}

void single_quoted(ShellCursor& cursor, ShellWord& word)
{
        const auto begin = cursor.position();
        const auto text = cursor.rest().substr(1);
        const auto end = text.find('\'');
        if (end == std::string_view::npos) {
                unclosed(cursor, word, begin);
                return;
        }
        add_text(word, text.substr(0, end), true);
        cursor.skip(end + 2);
}

// Behind the opening '"'.
void double_quoted(ShellCursor& cursor, ShellWord& word)
{
        constexpr std::string_view escaped = "$`\"\\";
        const auto begin = cursor.position() - 1;
        add_text(word, "", true); // "" is a word too
        while (!cursor.at_end() && cursor.peek() != '"') {
                const char c = cursor.peek();
                if (const auto length = cursor.continuation()) {
                        cursor.skip(length);
                } else if (c == '\\' && escaped.find(cursor.peek(1)) != std::string_view::npos) {
                        add_text(word, cursor.rest().substr(1, 1), true);
                        cursor.skip(2);
                } else if (c == '$' || c == '`') {
                        expansion(cursor, word, true);
                } else {
                        add_text(word, cursor.rest().substr(0, 1), true);
                        cursor.skip(1);
                }
        }
        if (cursor.at_end())
                unclosed(cursor, word, begin);
        else
                cursor.skip(1);
}

// "$'…'"
void ansi_quoted(ShellCursor& cursor, ShellWord& word)
{
        const auto begin = cursor.position();
        for (cursor.skip(2); !cursor.at_end() && cursor.peek() != '\''; cursor.skip(1))
                if (cursor.peek() == '\\')
                        cursor.skip(1);
        cursor.skip(1);
        add_unknown(word, cursor.since(begin), "a quotation that this version does not read", true);
}

// At a quoting character; true if there is one.
bool quotation(ShellCursor& cursor, ShellWord& word)
{
        const char c = cursor.peek();
        if (c == '\\') {
                if (cursor.rest().size() > 1)
                        add_text(word, cursor.rest().substr(1, 1), true);
                cursor.skip(2);
        } else if (c == '\'') {
                single_quoted(cursor, word);
        } else if (c == '"' || cursor.starts("$\"")) {
                cursor.skip(c == '$' ? 2 : 1);
                double_quoted(cursor, word);
        } else if (cursor.starts("$'")) {
                ansi_quoted(cursor, word);
        } else {
                return false;
        }
        return true;
}

bool is_array_assignment(const ShellWord& word)
{
        const auto text = word.plain();
        const auto name = shell_name_length(text);
        return name > 0 && (text.substr(name) == "=" || text.substr(name) == "+=");
}

// What '(' opens inside a word, or at its begin; true if there is such a thing.
bool parenthesis(ShellCursor& cursor, ShellWord& word, bool at_begin)
{
        if (at_begin && (cursor.starts("<(") || cursor.starts(">(")))
                unknown(cursor, word, 2, ')', "a process substitution", false);
        else if (at_begin && cursor.starts("(("))
                unknown(cursor, word, 1, ')', "arithmetic", false);
        else if (cursor.peek() == '(' && is_array_assignment(word))
                unknown(cursor, word, 1, ')', "an array", false);
        else
                return false;
        return true;
}

} // namespace

std::size_t shell_name_length(std::string_view text)
{
        if (text.empty() || !name_start(text.front()))
                return 0;
        std::size_t length = 1;
        while (length < text.size() && name_character(text[length]))
                ++length;
        return length;
}

ShellWord read_shell_word(ShellCursor& cursor)
{
        constexpr std::string_view ends = " \t\n;&|()<>";
        ShellWord word{.pieces = {}, .where = cursor.where()};
        const auto begin = cursor.position();
        while (!cursor.at_end()) {
                const char c = cursor.peek();
                const bool at_begin = cursor.position() == begin;
                if (const auto length = cursor.continuation()) {
                        cursor.skip(length);
                } else if (c == '\r' && cursor.peek(1) == '\n') {
                        break;
                } else if (ends.find(c) != std::string_view::npos) {
                        if (parenthesis(cursor, word, at_begin))
                                continue;
                        if (at_begin)
                                cursor.skip(1); // cannot stand here; what reads us must move on
                        break;
                } else if (quotation(cursor, word)) {
                        continue;
                } else if (c == '$' || c == '`') {
                        expansion(cursor, word, false);
                } else {
                        add_text(word, cursor.rest().substr(0, 1), false);
                        cursor.skip(1);
                }
        }
        return word;
}

} // namespace eks
