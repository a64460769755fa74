// SPDX-License-Identifier: Apache-2.0
#include "base/secrets.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view hidden = "…";
constexpr std::string_view scheme_end = "://";

// "user:password@host" without a scheme, as a proxy may be given. Not the digest of an image.
bool has_login(std::string_view word, std::size_t at)
{
        const auto before = word.substr(0, at);
        const auto after = word.substr(at + 1);
        const auto is_digest = after.starts_with("sha256:") || after.starts_with("sha512:");
        return before.find(':') != before.npos && !is_digest;
}

// A word begins or ends at blanks and at what quotes.
bool is_between_words(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\'' || c == '"' || c == '`';
}

} // namespace

std::string without_secrets(std::string_view value)
{
        const auto scheme = value.find(scheme_end);
        const auto at = value.rfind('@');
        if (scheme == value.npos) {
                if (at == value.npos || !has_login(value, at))
                        return std::string(value);
                const auto begin = value.rfind('=', value.find(':')) + 1; // npos + 1 is 0
                return std::string(value.substr(0, begin)).append(hidden).append(value.substr(at));
        }
        const auto begin = scheme + scheme_end.size();
        const bool has_user = at != value.npos && at >= begin;
        std::string text(value.substr(0, begin));
        text += has_user ? hidden : "";
        const auto host = has_user ? at : begin;
        const auto query = std::min(value.find_first_of("?#", host), value.size());
        text += value.substr(host, query - host);
        return query < value.size() ? text.append(value.substr(query, 1)).append(hidden) : text;
}

std::string hide_secrets(std::string_view text)
{
        if (text.find('@') == text.npos && text.find(scheme_end) == text.npos)
                return std::string(text);
        std::string result;
        while (!text.empty()) {
                const auto end = std::ranges::find_if(text, is_between_words);
                const auto length = static_cast<std::size_t>(end - text.begin());
                result += without_secrets(text.substr(0, length));
                if (end == text.end())
                        break;
                result += *end;
                text.remove_prefix(length + 1);
        }
        return result;
}

std::string without_input(std::string_view message)
{
        for (const std::string_view quote : {"; last read: '", " parsing '"})
                message = message.substr(0, message.find(quote));
        return std::string(message);
}

bool names_secret(std::string_view key)
{
        constexpr std::array<std::string_view, 13> endings{"api_key", "apikey", "auth", "credentials", "env",
                "environment", "header", "headers", "passphrase", "passwd", "password", "secret", "token"};
        auto name = lower(key);
        if (name.ends_with("containerd.config")) // the text of a whole file
                return true;
        std::ranges::replace_if(
                name, [](char c) { return c == '[' || c == ']' || c == '"'; }, '.');
        return std::ranges::any_of(split(name, '.'), [&](std::string_view part) {
                return std::ranges::any_of(
                        endings, [&](std::string_view ending) { return part.ends_with(ending); });
        });
}

} // namespace eks
