// SPDX-License-Identifier: Apache-2.0
#include "document/check_text.hpp"

#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "document/problems.hpp"

namespace eks {

namespace {

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

} // namespace

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
                                "Correct the document; `eksnode validate user-data:FILE` checks it anywhere");
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
