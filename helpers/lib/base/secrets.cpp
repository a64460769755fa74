// SPDX-License-Identifier: Apache-2.0
#include "base/secrets.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view hidden = "…";
constexpr std::string_view scheme_end = "://";
constexpr std::string_view private_key = "PRIVATE KEY-"; // in the first line of such a key in PEM

// The '@' in front of an image's digest does not end a login.
bool is_digest(std::string_view text)
{
        return text.starts_with("sha256:") || text.starts_with("sha512:");
}

// The part of a URL after its scheme, as it is shown. The password may hold any character, and its end, '@',
// may be missing.
std::string without_login(std::string_view rest)
{
        const auto query = std::min(rest.find_first_of("?#"), rest.size());
        const auto front = rest.substr(0, query).rfind('@');
        const auto back = rest.rfind('@');
        if (back != rest.npos && front != rest.npos && back > query)
                return std::string(hidden); // which of the two ends the password?

        const auto at = front != rest.npos ? front : back;
        auto host = at == rest.npos ? rest : rest.substr(at);
        auto text = std::string(at == rest.npos ? "" : hidden);
        const auto end = std::min(host.find_first_of("?#"), host.size());

        const auto authority = host.substr(0, std::min(host.find('/'), end));
        const auto port = authority.starts_with('[') || authority.starts_with("@[") ? authority.npos
                                                                                    : authority.find(':');
        if (port != authority.npos && authority.find_first_not_of("0123456789", port + 1) != authority.npos)
                return text.append(host.substr(0, port + 1)).append(hidden); // a password, and no port

        text += host.substr(0, end);
        return end < host.size() ? text.append(host.substr(end, 1)).append(hidden) : text;
}

// A word begins or ends at blanks and at what quotes.
bool is_between_words(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\'' || c == '"' || c == '`';
}

} // namespace

std::string without_secrets(std::string_view value)
{
        if (const auto key = value.find(private_key); key != value.npos)
                return without_secrets(value.substr(0, key + private_key.size() - 1)).append(hidden);
        if (value.starts_with("--")) // a flag, whose value may hold blanks
                if (const auto equals = value.find('=');
                        equals != value.npos && names_secret(value.substr(0, equals)))
                        return std::string(value.substr(0, equals + 1)).append(hidden);

        if (const auto scheme = value.find(scheme_end); scheme != value.npos) {
                const auto begin = scheme + scheme_end.size();
                return std::string(value.substr(0, begin)) + without_login(value.substr(begin));
        }

        const auto at = value.rfind('@');
        const bool is_parameter = value == "$@"; // the shell's
        if (at == value.npos || is_parameter || is_digest(value.substr(at + 1)))
                return std::string(value);

        const auto begin = value.rfind('=', std::min(value.find(':'), at)) + 1; // npos + 1 is 0
        return std::string(value.substr(0, begin)) + without_login(value.substr(begin));
}

std::string hide_secrets(std::string_view text)
{
        if (const auto key = text.find(private_key); key != text.npos)
                return hide_secrets(text.substr(0, key + private_key.size() - 1)).append(hidden);
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
        // nlohmann's "[json.exception.parse_error.101] parse error at line 2, column 6: syntax error while
        // …"
        if (const auto at = message.find(" at line ");
                message.starts_with("[json.exception.parse_error.") && at != message.npos) {
                const auto place = message.substr(at + 4);
                return "not JSON: " + std::string(place.substr(0, place.find(':')));
        }

        if (message.starts_with("[json.exception."))
                message.remove_prefix(std::min(message.find("] ") + 2, message.size()));
        for (const std::string_view quote : {"; last read: '", " parsing '"})
                message = message.substr(0, message.find(quote));

        return std::string(message);
}

std::string shown_key(std::string_view key)
{
        std::string text;
        bool quoted = false;
        bool cut = false;

        for (std::size_t i = 0; i < key.size(); ++i) {
                const char c = key[i];
                if (c == '\\' && quoted && i + 1 < key.size()) {
                        if (!cut)
                                text += c;
                        ++i;
                } else if (c == '"') {
                        quoted = !quoted;
                        cut = false;
                }

                if (cut)
                        continue;

                text += key[i];
                if (quoted && c == '=') {
                        text += hidden;
                        cut = true;
                }
        }

        return text;
}

bool names_secret(std::string_view key)
{
        constexpr std::array<std::string_view, 22> endings{"access_key", "accesskey", "api_key", "apikey",
                "auth", "credentials", "env", "environment", "header", "headers", "passphrase", "passwd",
                "password", "passwords", "private_key", "privatekey", "secret", "secret_key", "secretkey",
                "secrets", "token", "tokens"};

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
