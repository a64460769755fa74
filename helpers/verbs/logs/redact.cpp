// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/redact.hpp"

#include <algorithm>
#include <array>

#include "base/secrets.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view hidden = "…";
constexpr std::string_view key_begin = "PRIVATE KEY-"; // in the first line of such a key in PEM
constexpr std::string_view key_end = "-----END";
constexpr std::size_t longest_key = 100; // lines
constexpr std::size_t longest_block =
        400; // of a value in brackets or quotes, so that a stray one does not hide a log
constexpr std::size_t shortest_credential = 8;
constexpr std::size_t shortest_base64 = 20;

bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_key_character(char c)
{
        return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

bool is_base64_character(char c)
{
        return is_letter(c) || is_digit(c) || c == '+' || c == '/' || c == '=' || c == '-' || c == '_';
}

bool is_base64(std::string_view text)
{
        return !text.empty() && std::ranges::all_of(text, is_base64_character);
}

bool is_quote(char c)
{
        return c == '"' || c == '\'' || c == '`';
}

std::size_t skip(std::string_view text, std::size_t at, std::string_view characters)
{
        return std::min(text.find_first_not_of(characters, at), text.size());
}

std::size_t indent_of(std::string_view text)
{
        return skip(text, 0, " \t");
}

// What names_secret() does not know, because no configuration of ours has it.
bool is_secret_key(std::string_view key)
{
        while (key.starts_with('-'))
                key.remove_prefix(1);
        constexpr std::array<std::string_view, 9> endings{"authorization", "cookie", "key-data", "key_data",
                "keydata", "signature", "pwd", "passcode", "private-key"};
        const auto name = lower(key);

        return std::ranges::any_of(endings, [&](auto ending) { return name.ends_with(ending); }) ||
               names_secret(name) || (name.find('-') != name.npos && [&] { // secret-access-key, api-key
                       auto same = name;
                       std::ranges::replace(same, '-', '_');
                       return names_secret(same);
               }());
}

// Not worth hiding, and worth knowing.
bool is_harmless(std::string_view value)
{
        constexpr std::array<std::string_view, 12> words{
                "", "true", "false", "null", "none", "nil", "<nil>", "~", "[]", "{}", "yes", "no"};
        while (value.ends_with(',') || value.ends_with(' '))
                value.remove_suffix(1);
        const auto text = lower(value);
        return value == hidden || std::ranges::find(words, text) != words.end();
}

// Credentials that their own shape gives away.
bool is_credential(std::string_view word)
{
        constexpr std::array<std::string_view, 9> prefixes{"k8s-aws-v1.", "ghp_", "gho_", "ghs_",
                "github_pat_", "glpat-", "xoxb-", "xoxp-", "dckr_pat_"};
        const bool is_access_key =
                (word.starts_with("AKIA") || word.starts_with("ASIA")) && word.size() == 20 &&
                std::ranges::all_of(word, [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); });
        const bool is_jwt = word.starts_with("eyJ") && word.size() > shortest_base64;

        // "-----BEGIN " in base64, and not "-----BEGIN CERT"
        const bool is_pem = word.starts_with("LS0tLS1CRUdJTi") && !word.starts_with("LS0tLS1CRUdJTiBDRVJU");
        return is_access_key || is_jwt || is_pem || std::ranges::any_of(prefixes, [&](auto prefix) {
                return word.starts_with(prefix) && word.size() > prefix.size() + shortest_credential;
        });
}

bool is_scheme(std::string_view word)
{
        const auto name = lower(word);
        return name == "bearer" || name == "basic" || name == "negotiate" || name.starts_with("aws4-hmac");
}

// "Basic YWxhZGRpbg==", and not "basic authentication".
bool is_after_scheme(std::string_view scheme, std::string_view word)
{
        return word.size() >= shortest_credential &&
               (lower(scheme) == "bearer" ||
                       std::ranges::any_of(word, [](char c) { return c < 'a' || c > 'z'; }));
}

// Logins and queries of URLs, and user:password@. An '@' alone is more often that of a unit's instance.
std::string without_logins(const std::string& text)
{
        if (text.find('@') == text.npos && text.find("://") == text.npos)
                return text;

        std::string result;

        for (std::size_t at = 0; at < text.size();) {
                const auto end = std::min(text.find_first_of(" \t\"'`", at), text.size());
                const std::string_view word(text.data() + at, end - at);
                const auto colon = word.find(':');
                const bool may_hold = colon != word.npos && (word.substr(colon).starts_with("://") ||
                                                                    word.find('@', colon) != word.npos);
                result += may_hold ? without_secrets(word) : std::string(word);

                if (end < text.size())
                        result += text[end];
                at = end + 1;
        }

        return result;
}

// "[a.b.auth]" of TOML or a unit file: its keys.
std::optional<std::string_view> section_of(std::string_view text)
{
        text = trim(text);
        if (text.size() < 3 || text.front() != '[' || text.back() != ']')
                return std::nullopt;

        text = text.substr(1, text.size() - 2);
        if (text.find_first_of("=,;") != text.npos)
                return std::nullopt;

        return text;
}

int depth_of(std::string_view text)
{
        int depth = 0;
        for (const char c : text)
                depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
        return depth;
}

} // namespace

// Whether the whole line belongs to a secret.
bool Redactor::is_in_block(std::string_view text)
{
        if (trim(text).empty())
                return false;

        const auto indent = indent_of(text);
        auto& block = *block_;
        if (block.left-- == 0) {
                block_.reset();
                return false;
        }

        switch (block.end) {
        case Block::End::dedent:
                if (indent > block.indent ||
                        (indent == block.indent && text.substr(indent).starts_with('-')))
                        return true;
                block_.reset();
                return false;
        case Block::End::bracket:
                block.depth += depth_of(text);
                if (block.depth <= 0)
                        block_.reset();
                return true;
        case Block::End::quote:
                if (text.find(block.close) != text.npos)
                        block_.reset();
                return true;
        }

        return false;
}

// A line that may be one of a private key: what can be base64 of it is hidden.
std::string Redactor::without_key(std::string_view text)
{
        --key_lines_;
        std::string kept;

        if (const auto end = text.find(key_end); end != text.npos) {
                key_lines_ = 0;
                return std::string(hidden).append(text.substr(end));
        }

        for (const auto word : split(text, ' ')) {
                const bool is_last = word.data() + word.size() == text.data() + text.size();
                if (!kept.empty() || word.data() != text.data())
                        kept += ' ';
                kept += is_base64(word) && (is_last || word.size() >= shortest_base64) ? hidden : word;
        }

        return kept;
}

// The value that begins at `at`, after ':' or '='; returns where the text goes on.
std::size_t Redactor::hide_value(std::string_view text, std::size_t at, bool begins_line, std::string& out)
{
        const auto begin = skip(text, at, " \t");
        out += text.substr(at, begin - at);
        auto value = text.substr(begin);
        const auto indent = indent_of(text);
        const auto hide = [&](std::size_t length) {
                if (length > 0)
                        out += is_harmless(value.substr(0, length)) ? value.substr(0, length) : hidden;
                return begin + length;
        };

        if (trim(value).empty() || value.starts_with('|') || value.starts_with('>')) {
                if (begins_line)
                        block_ = Block{Block::End::dedent, indent, {}, 0, longest_block};
                return hide(0);
        }

        for (const std::string_view quotes : {"\"\"\"", "'''"})
                if (value.starts_with(quotes)) {
                        if (value.find(quotes, quotes.size()) == value.npos)
                                block_ = Block{
                                        Block::End::quote, indent, std::string(quotes), 0, longest_block};
                        return hide(value.size());
                }

        const std::size_t escapes =
                value.starts_with('\\') && value.size() > 1 && is_quote(value[1]) ? 1 : 0;
        if (is_quote(value[escapes])) {
                const std::string quote(value.substr(0, escapes + 1));
                auto end = value.find(quote, quote.size());
                while (escapes == 0 && end != value.npos && value[end - 1] == '\\')
                        end = value.find(quote, end + 1);

                if (end == value.npos) { // it goes on below
                        block_ = Block{Block::End::quote, indent, quote, 0, longest_block};
                        return hide(value.size());
                }

                out += quote;
                const auto inner = value.substr(quote.size(), end - quote.size());
                out += is_harmless(inner) ? inner : hidden;
                out += quote;

                // "a" SECRET: what follows a quote without a separator
                const auto rest = begin + end + quote.size();
                const auto next = skip(text, rest, " \t");
                if (begins_line && next > rest && next < text.size() &&
                        (is_quote(text[next]) || is_key_character(text[next]))) {
                        out.append(" ").append(hidden);
                        return text.size();
                }

                return rest;
        }

        if (value.starts_with('[') || value.starts_with('{')) {
                int depth = 0;
                for (std::size_t i = 0; i < value.size(); ++i) {
                        depth += depth_of(value.substr(i, 1));
                        if (depth == 0)
                                return hide(i + 1);
                }

                block_ = Block{Block::End::bracket, indent, {}, depth, longest_block};
                return hide(value.size());
        }

        const auto word = value.substr(0, std::min(value.find_first_of(" \t\"'`"), value.size()));
        if (begins_line || is_scheme(word))
                return hide(std::min(value.find_first_of("\"'`"), value.size()));

        return hide(std::min(word.find(','), word.size()) == 0 ? 0 : word.size());
}

std::string Redactor::scan(std::string_view text)
{
        const auto first = skip(text, 0, " \t-\"'{,");
        std::string out;

        for (std::size_t i = 0; i < text.size();) {
                if (!is_key_character(text[i])) {
                        out += text[i++];
                        continue;
                }

                auto end = i;
                while (end < text.size() && is_key_character(text[end]))
                        ++end;
                const auto word = text.substr(i, end - i);
                const char before = i > 0 ? text[i - 1] : ' ';

                // What its own shape gives away, with the characters that base64 has and keys have not.
                if (is_credential(word)) {
                        out += hidden;
                        while (end < text.size() && is_base64_character(text[end]))
                                ++end;
                        i = end;
                        continue;
                }

                auto separator = end;
                if (separator < text.size() && text[separator] == '\\')
                        ++separator;
                if (separator < text.size() && is_quote(text[separator]))
                        ++separator;
                separator = skip(text, separator, " \t");

                const bool is_key = separator < text.size() &&
                                    (text[separator] == ':' || text[separator] == '=') &&
                                    !text.substr(separator).starts_with("://");
                if (is_key) {
                        const auto value = skip(text, separator, ":=>");
                        const bool is_assigned = word == "value" || word == "Value";
                        const bool is_secret = is_secret_key(word) || (is_assigned && named_secret_) ||
                                               (secret_section_ && i == first);

                        if (word == "name" || word == "Name" || word == "key" || word == "Key") {
                                const auto name = skip(text, value, " \t\"'\\");
                                const auto name_end =
                                        std::min(text.find_first_of(" \t\"'\\,", name), text.size());
                                named_secret_ = is_secret_key(text.substr(name, name_end - name));
                        }

                        out += text.substr(i, value - i);
                        i = value;

                        if (is_secret) {
                                i = hide_value(text, value, word.data() == text.data() + first, out);
                        }

                        continue;
                }

                out += word;
                i = end;

                const bool is_flag = word.starts_with('-') && word.size() > 2 && is_secret_key(word);
                const bool is_login = word == "-u" || word == "--user";
                if (!is_flag && !is_login && !is_scheme(word))
                        continue;

                // The next word, which another quote may be around.
                const auto next = skip(text, end, " \t\"'\\,");
                if (next == text.size()) // alone on its line, as in a list
                        hide_next_ =
                                hide_next_ || (is_flag && skip(text, 0, " \t-\"',") >= end - word.size());

                if (next == end || next == text.size())
                        continue;

                const char quote = is_quote(text[next - 1])      ? text[next - 1]
                                   : is_quote(before) && is_flag ? before
                                                                 : ' ';
                const auto next_end =
                        std::min(quote == ' ' ? text.find_first_of(" \t\"'`", next) : text.find(quote, next),
                                text.size());

                auto argument = text.substr(next, next_end - next);
                while (quote == ' ' && (argument.ends_with(',') || argument.ends_with(']')))
                        argument.remove_suffix(1);
                const bool hides = is_flag    ? !argument.starts_with('-')
                                   : is_login ? argument.find(':') != argument.npos
                                              : is_after_scheme(word, argument);
                if (!hides)
                        continue;

                out.append(text.substr(end, next - end)).append(hidden);
                i = next + argument.size();
        }

        return out;
}

std::string Redactor::line(std::string_view given)
{
        std::string text(given);
        std::ranges::replace_if(
                text, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }, '?');
        const auto indent = indent_of(text);
        const auto all_hidden = [&] { return text.substr(0, indent).append(hidden); };

        if (in_cut_key_) {
                in_cut_key_ = is_base64(trim(text)) && trim(text).size() >= shortest_base64;
                if (in_cut_key_)
                        return all_hidden();
        }

        if (block_ && is_in_block(text))
                return all_hidden();

        if (hide_next_) {
                hide_next_ = false;
                auto word = skip(text, 0, " \t");
                if (text.substr(word).starts_with("- "))
                        word = skip(text, word + 1, " \t");
                word = skip(text, word, "\"'");
                if (word < text.size() && text[word] != '-')
                        return all_hidden();
        }

        if (key_lines_ > 0)
                text = without_key(text);

        if (const auto section = section_of(text))
                secret_section_ = is_secret_key(*section) ? std::optional(indent) : std::nullopt;
        else if (secret_section_ && indent < *secret_section_ && !trim(text).empty())
                secret_section_.reset(); // TOML inside YAML

        const auto key = text.find(key_begin);
        const auto end = text.find(key_end);
        if (key != text.npos && (end == text.npos || end > key)) {
                if (end == text.npos)
                        key_lines_ = longest_key;
                text.resize(key + key_begin.size());
                return without_logins(scan(text)).append(hidden);
        }

        return without_logins(scan(text));
}

std::string redact(std::string_view text, bool is_cut)
{
        Redactor redactor(is_cut);
        std::string result;
        result.reserve(text.size());

        while (!text.empty()) {
                const auto end = text.find('\n');
                result.append(redactor.line(text.substr(0, end))).append("\n");
                text.remove_prefix(end == text.npos ? text.size() : end + 1);
        }

        return result;
}

} // namespace eks
