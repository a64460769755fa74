// SPDX-License-Identifier: Apache-2.0
// Compared with systemd itself by tests/boot/user_data_test.py, with the strings of
// tests/unit/systemd/systemd_words.json.
#include "systemd/systemd_words.hpp"

#include <optional>
#include <utility>

namespace eks {

namespace {

bool is_blank(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// An unquoted value as read from an environment file: one level of backslashes is removed, and lines that
// end in one are joined. Quotes have a meaning only at the beginning of the value.
std::string read_as_environment_file(std::string_view text, bool& open)
{
        std::string value;
        for (std::size_t i = 0; i < text.size(); ++i) {
                if (text[i] != '\\')
                        value += text[i];
                else if (++i == text.size())
                        open = true;
                else if (text[i] != '\n')
                        value += text[i];
        }

        return value;
}

} // namespace

SystemdWords split_as_systemd(std::string_view text)
{
        SystemdWords result;
        std::optional<std::string> word;
        char quote = '\0';
        bool escaped = false;

        for (const char c : read_as_environment_file(text, result.open)) {
                if (quote == '\0' && !escaped && is_blank(c)) {
                        if (word)
                                result.words.push_back(*std::exchange(word, std::nullopt));
                        continue;
                }

                if (!word)
                        word.emplace();

                if (std::exchange(escaped, false))
                        *word += c;
                else if (c == '\\') // inside single quotes too
                        escaped = true;
                else if (quote == '\0' && (c == '"' || c == '\''))
                        quote = c;
                else if (quote != '\0' && c == quote)
                        quote = '\0';
                else
                        *word += c;
        }

        if (word)
                result.words.push_back(*std::move(word));
        result.open = result.open || escaped || quote != '\0';

        return result;
}

std::string quote_for_systemd(std::string_view word)
{
        if (word.empty())
                return R"(\"\")"; // reading the file removes the backslashes, splitting the quotes
        std::string text;
        for (const char c : word) {
                if (c == '\\')
                        text += "\\\\\\";
                else if (c == ' ' || c == '\t' || c == '"' || c == '\'')
                        text += "\\\\";
                text += c;
        }
        return text;
}

} // namespace eks
