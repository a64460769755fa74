// SPDX-License-Identifier: Apache-2.0
// Small pure functions on text. No locale, no iostreams.
#pragma once

#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eks {

// Without leading and trailing blanks, tabs, CR and LF.
std::string_view trim(std::string_view text);

// The pieces between separators; "" has none, "a,,b" has three.
std::vector<std::string_view> split(std::string_view text, char separator);

// Lines without their LF or CRLF; a final empty line does not count.
std::vector<std::string_view> lines(std::string_view text);

std::string join(std::span<const std::string> parts, std::string_view separator);

// The whole text as a decimal (or other base) number, or nothing.
template <typename Int>
std::optional<Int> parse_int(std::string_view text, int base = 10)
{
        Int value{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
        if (error != std::errc() || end != text.data() + text.size())
                return std::nullopt;
        return value;
}

// With ASCII letters in lower case.
std::string lower(std::string_view text);

// An ASCII digit, whatever the locale.
constexpr bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

bool has_control_characters(std::string_view text);

// A path from the root, on one line.
bool is_absolute_path(std::string_view text);

// A part between the dots of a host name (RFC 1035): lower-case letters, digits and dashes inside, at most
// 63.
bool is_dns_label(std::string_view text);

// The text after `NAME="`, without the quotes and backslashes, as logfmt and klog write values; "" if there
// is none.
std::string quoted_value(std::string_view line, std::string_view name);

// The candidate with the smallest edit distance to `word`, if that is small enough to be a likely typing
// slip.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

// The same as the end of a message: "; did you mean '…'?", or nothing.
std::string did_you_mean(
        std::string_view word, std::span<const std::string> candidates, std::string_view prefix = {});

// `first` and the words, with a blank before each, in lines of at most `width` bytes; further lines begin
// with `indent`.
std::string wrapped(std::string first, const std::vector<std::string>& words, std::string_view indent,
        std::size_t width);

} // namespace eks
