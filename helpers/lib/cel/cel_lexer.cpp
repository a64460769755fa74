// SPDX-License-Identifier: Apache-2.0
#include "cel/cel_lexer.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

bool is_hex_digit(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool begins_name(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool in_name(char c)
{
        return begins_name(c) || is_digit(c);
}

} // namespace

void fail_cel(const CelPlace& at, const std::string& wrong)
{
        const auto line = at.line > 1 ? fmt::format("line {}, ", at.line) : std::string();
        throw Error(failure::config_invalid, fmt::format("{}column {}: {}", line, at.column, wrong),
                "Correct the expression; eks-kubelet-config.service(8) shows one");
}

template <typename Predicate>
std::size_t CelLexer::length_of(const Predicate& belongs, std::size_t from) const
{
        while (from < rest_.size() && belongs(rest_[from]))
                ++from;
        return from;
}

CelToken CelLexer::next()
{
        skip_blanks();
        const CelPlace at = at_;
        if (rest_.empty())
                return {CelToken::Kind::end, "the end", at};
        if (begins_name(rest_.front()))
                return {CelToken::Kind::name, take(length_of(in_name)), at};
        if (is_digit(rest_.front()) || (rest_.front() == '.' && rest_.size() > 1 && is_digit(rest_[1])))
                return number(at);

        for (const std::string_view sign : {"&&", "||", "<=", ">=", "==", "!=", "<", ">", "!", "+", "-", "*",
                     "/", "%", "?", ":", "(", ")", ",", "."})
                if (rest_.starts_with(sign))
                        return {CelToken::Kind::sign, take(sign.size()), at};

        if (rest_.front() == '"' || rest_.front() == '\'')
                fail_cel(at, "strings are not supported");
        if (rest_.front() == '[' || rest_.front() == '{')
                fail_cel(at, "lists and maps are not supported");
        fail_cel(at, fmt::format("not part of an expression: {}", shown_character()));
}

std::string_view CelLexer::take(std::size_t length)
{
        const auto taken = rest_.substr(0, length);
        for (const char c : taken)
                at_ = c == '\n' ? CelPlace{at_.line + 1, 1} : CelPlace{at_.line, at_.column + 1};
        rest_.remove_prefix(length);
        return taken;
}

void CelLexer::skip_blanks()
{
        for (;;) {
                take(length_of([](char c) {
                        return std::string_view(" \t\r\n\f").find(c) != std::string_view::npos;
                }));
                if (!rest_.starts_with("//"))
                        return;
                take(length_of([](char c) { return c != '\n'; }));
        }
}

CelToken CelLexer::number(const CelPlace& at)
{
        if (rest_.starts_with("0x"))
                return whole_token({CelToken::Kind::integer, take(length_of(is_hex_digit, 2)), at});

        auto length = length_of(is_digit);
        const auto digits = length;

        if (length + 1 < rest_.size() && rest_[length] == '.' && is_digit(rest_[length + 1]))
                length = length_of(is_digit, length + 1);

        if (length < rest_.size() && (rest_[length] == 'e' || rest_[length] == 'E')) {
                const bool has_sign =
                        length + 1 < rest_.size() && (rest_[length + 1] == '+' || rest_[length + 1] == '-');
                const auto exponent = length + (has_sign ? 2 : 1);
                length = length_of(is_digit, exponent) > exponent ? length_of(is_digit, exponent) : length;
        }

        return whole_token(
                {length == digits ? CelToken::Kind::integer : CelToken::Kind::real, take(length), at});
}

// "3u" and "3x" are one bad word, not a number and a name.
CelToken CelLexer::whole_token(CelToken token) const
{
        if (rest_.starts_with('u') || rest_.starts_with('U'))
                fail_cel(token.at, "unsigned numbers are not supported");
        if (!rest_.empty() && in_name(rest_.front()))
                fail_cel(token.at, fmt::format("not a number: '{}{}'", token.text,
                                           rest_.substr(0, length_of(in_name))));
        return token;
}

std::string CelLexer::shown_character() const
{
        const auto byte = static_cast<unsigned char>(rest_.front());
        return byte > ' ' && byte < 0x7f ? fmt::format("'{}'", rest_.front())
                                         : fmt::format("byte 0x{:02x}", byte);
}

} // namespace eks
