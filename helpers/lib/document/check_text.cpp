// SPDX-License-Identifier: Apache-2.0
#include "document/check_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

namespace {

constexpr std::string_view text_remedy =
        "Correct the document; `eksnode validate user-data:FILE` checks it anywhere";

struct Utf8Form {
        unsigned first_low, first_high;
        unsigned second_low, second_high;
        std::size_t length;
};

// Unicode's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
constexpr std::array utf8_forms{
        Utf8Form{0xc2, 0xdf, 0x80, 0xbf, 2},
        Utf8Form{0xe0, 0xe0, 0xa0, 0xbf, 3},
        Utf8Form{0xe1, 0xec, 0x80, 0xbf, 3},
        Utf8Form{0xed, 0xed, 0x80, 0x9f, 3},
        Utf8Form{0xee, 0xef, 0x80, 0xbf, 3},
        Utf8Form{0xf0, 0xf0, 0x90, 0xbf, 4},
        Utf8Form{0xf1, 0xf3, 0x80, 0xbf, 4},
        Utf8Form{0xf4, 0xf4, 0x80, 0x8f, 4},
};

// Bytes of the UTF-8 character at the front of `text`; 0 if there is none.
std::size_t utf8_character(std::string_view text)
{
        const auto is = [&](std::size_t i, unsigned low, unsigned high) {
                const auto byte = static_cast<unsigned char>(text[i]);
                return byte >= low && byte <= high;
        };

        if (is(0, 0, 0x7f))
                return 1;

        for (const auto& form : utf8_forms)
                if (text.size() >= form.length && is(0, form.first_low, form.first_high) &&
                        is(1, form.second_low, form.second_high) && (form.length < 3 || is(2, 0x80, 0xbf)) &&
                        (form.length < 4 || is(3, 0x80, 0xbf)))
                        return form.length;

        return 0;
}

void append_utf8(std::string& text, char32_t character)
{
        const auto append = [&](char32_t byte) { text += static_cast<char>(byte); };
        const auto append_rest = [&](unsigned shift) { append(0x80 | (character >> shift & 0x3f)); };

        if (character < 0x80)
                return append(character);

        if (character < 0x800) {
                append(0xc0 | character >> 6U);
        } else if (character < 0x10000) {
                append(0xe0 | character >> 12U);
                append_rest(6);
        } else {
                append(0xf0 | character >> 18U);
                append_rest(12);
                append_rest(6);
        }

        append_rest(0);
}

Where end_of(std::string_view text, const std::string& source)
{
        const auto line_begin = text.rfind('\n') + 1; // 0 in the first line
        return {source, static_cast<int>(std::ranges::count(text, '\n')) + 1,
                static_cast<int>(text.size() - line_begin) + 1};
}

std::string from_utf16(std::string_view bytes, bool little_endian, const std::string& source)
{
        const auto unit = [&](std::size_t i) {
                const auto byte = [&](std::size_t at) {
                        return static_cast<char32_t>(static_cast<unsigned char>(bytes[at]));
                };
                return little_endian ? byte(i) | byte(i + 1) << 8U : byte(i) << 8U | byte(i + 1);
        };

        const auto is_high = [](char32_t c) { return c >= 0xd800 && c < 0xdc00; };
        const auto is_low = [](char32_t c) { return c >= 0xdc00 && c < 0xe000; };
        std::string text;
        text.reserve(bytes.size() / 2);

        for (std::size_t i = 0; i < bytes.size(); i += 2) {
                const bool whole = i + 1 < bytes.size();
                auto character = whole ? unit(i) : 0;
                const auto second = i + 3 < bytes.size() ? unit(i + 2) : 0;
                if (!whole || is_low(character) || (is_high(character) && !is_low(second)))
                        throw Error(failure::config_syntax,
                                fmt::format("{}: half a character of UTF-16", end_of(text, source).text()),
                                std::string(text_remedy));

                if (is_high(character)) {
                        character = 0x10000 + ((character - 0xd800) << 10U) + (second - 0xdc00);
                        i += 2;
                }

                append_utf8(text, character);
        }

        return text;
}

} // namespace

std::string as_utf8(std::string_view text, const std::string& source)
{
        constexpr std::string_view little = "\xff\xfe";
        constexpr std::string_view big = "\xfe\xff";
        if (text.starts_with(little) || text.starts_with(big))
                return from_utf16(text.substr(2), text.starts_with(little), source);
        return std::string(without_byte_order_mark(text));
}

std::optional<Where> replace_invalid_utf8(std::string& text, const std::string& source)
{
        constexpr std::string_view replacement = "\xef\xbf\xbd"; // U+FFFD
        std::optional<Where> first;
        std::string valid;
        std::size_t taken = 0;

        for (std::size_t i = 0; i < text.size();) {
                const bool ascii = static_cast<unsigned char>(text[i]) < 0x80;
                const auto length = ascii ? 1 : utf8_character(std::string_view(text).substr(i, 4));
                if (length == 0) {
                        if (!first)
                                first = end_of(std::string_view(text).substr(0, i), source);
                        valid.append(text, taken, i - taken).append(replacement);
                        taken = i + 1;
                }

                i += std::max<std::size_t>(length, 1);
        }

        if (first)
                text = std::move(valid.append(text, taken));

        return first;
}

void check_text(std::string_view text, const std::string& source)
{
        int line = 1;
        std::size_t line_begin = 0;

        for (std::size_t i = 0; i < text.size();) {
                const bool ascii = static_cast<unsigned char>(text[i]) < 0x80; // nearly always
                const auto length = ascii ? 1 : utf8_character(text.substr(i, 4));
                if (length == 0 || text[i] == '\0')
                        throw Error(failure::config_syntax,
                                fmt::format("{}: {}",
                                        Where{source, line, static_cast<int>(i - line_begin) + 1}.text(),
                                        length == 0 ? fmt::format("byte 0x{:02x} is not UTF-8",
                                                              static_cast<unsigned char>(text[i]))
                                                    : "a NUL byte"),
                                std::string(text_remedy));

                if (text[i] == '\n') {
                        ++line;
                        line_begin = i + 1;
                }

                i += length;
        }
}

std::string_view without_byte_order_mark(std::string_view text)
{
        constexpr std::string_view mark = "\xef\xbb\xbf";
        if (text.starts_with(mark))
                text.remove_prefix(mark.size());
        return text;
}

} // namespace eks
