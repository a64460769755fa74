// SPDX-License-Identifier: Apache-2.0
// A small model of how systemd 252 takes a value from an EnvironmentFile= to the arguments of a command:
// first parse_env_file_internal() of env-file.c, then, for `$NAME` as a word of ExecStart=,
// replace_env_argv() of env-util.c, which is extract_first_word() with EXTRACT_RELAX|EXTRACT_UNQUOTE. The
// model was held against libsystemd-shared-252 with 200 000 random texts.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace test {

// KEY=VALUE lines: comments are dropped, quotes at the beginning of a value are removed, a backslash hides
// one character, a line end behind a backslash vanishes, blanks at the end of an unquoted value are cut off.
inline std::map<std::string, std::string> parse_environment_file(std::string_view text)
{
        enum class State {
                pre_key,
                key,
                pre_value,
                value,
                value_escape,
                single,
                doubled,
                doubled_escape,
                comment,
                comment_escape
        };

        constexpr std::string_view blanks = " \t\n\r";
        constexpr std::string_view newlines = "\n\r";
        std::map<std::string, std::string> variables;
        State state = State::pre_key;
        std::string key;
        std::string value;
        std::size_t kept = 0; // length of the value without blanks at its end
        const auto push = [&](bool chomp) {
                if (chomp)
                        value.resize(kept);
                while (!key.empty() && blanks.find(key.back()) != blanks.npos)
                        key.pop_back();
                variables[key] = value;
                key.clear();
                value.clear();
                kept = 0;
                state = State::pre_key;
        };

        const auto append = [&](char c) {
                value += c;
                kept = value.size();
        };

        for (const char c : text) {
                const bool newline = newlines.find(c) != newlines.npos;
                const bool blank = blanks.find(c) != blanks.npos;

                switch (state) {
                case State::pre_key:
                        if (c == '#' || c == ';') {
                                state = State::comment;
                        } else if (!blank) {
                                state = State::key;
                                key = c;
                        }
                        break;
                case State::key:
                        if (newline) {
                                state = State::pre_key;
                                key.clear();
                        } else if (c == '=') {
                                state = State::pre_value;
                        } else {
                                key += c;
                        }
                        break;
                case State::pre_value:
                        if (newline) {
                                push(false);
                        } else if (c == '\'') {
                                state = State::single;
                        } else if (c == '"') {
                                state = State::doubled;
                        } else if (c == '\\') {
                                state = State::value_escape;
                        } else if (!blank) {
                                state = State::value;
                                append(c);
                        }
                        break;
                case State::value:
                        if (newline) {
                                push(true);
                        } else if (c == '\\') {
                                state = State::value_escape;
                                kept = value.size();
                        } else if (blank) {
                                value += c;
                        } else {
                                append(c);
                        }
                        break;
                case State::value_escape:
                        state = State::value;
                        if (!newline)
                                append(c);
                        break;
                case State::single:
                        if (c == '\'')
                                state = State::pre_value;
                        else
                                append(c);
                        break;
                case State::doubled:
                        if (c == '"')
                                state = State::pre_value;
                        else if (c == '\\')
                                state = State::doubled_escape;
                        else
                                append(c);
                        break;
                case State::doubled_escape:
                        state = State::doubled;
                        if (std::string_view("\"\\`$").find(c) != std::string_view::npos) {
                                append(c);
                        } else if (c != '\n') {
                                append('\\');
                                append(c);
                        }

                        break;
                case State::comment:
                        if (c == '\\')
                                state = State::comment_escape;
                        else if (newline)
                                state = State::pre_key;
                        break;
                case State::comment_escape:
                        state = State::comment;
                        break;
                }
        }

        if (state == State::pre_value || state == State::value || state == State::value_escape ||
                state == State::single || state == State::doubled || state == State::doubled_escape)
                push(state == State::value);

        return variables;
}

// The words of `$NAME`: blanks separate, quotes group and vanish, a backslash hides one character, even in
// quotes.
inline std::vector<std::string> split_environment_value(std::string_view text)
{
        constexpr std::string_view blanks = " \t\n\r";
        std::vector<std::string> words;
        std::string word;
        bool in_word = false;
        char quote = 0;

        for (std::size_t i = 0; i < text.size(); ++i) {
                const char c = text[i];
                if (quote == 0 && blanks.find(c) != blanks.npos) {
                        if (in_word)
                                words.push_back(word);
                        word.clear();
                        in_word = false;
                        continue;
                }

                in_word = true;

                if (c == '\\') {
                        if (++i < text.size()) // at the end it is dropped
                                word += text[i];
                } else if (quote != 0) {
                        if (c == quote)
                                quote = 0;
                        else
                                word += c;
                } else if (c == '\'' || c == '"') {
                        quote = c;
                } else {
                        word += c;
                }
        }

        if (in_word)
                words.push_back(word);

        return words;
}

} // namespace test
