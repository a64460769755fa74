// SPDX-License-Identifier: Apache-2.0
#include "userdata/base64.hpp"

#include <algorithm>
#include <array>

namespace eks {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto values = [] {
        std::array<unsigned char, 256> table{};
        for (std::size_t i = 0; i < alphabet.size(); ++i)
                table[static_cast<unsigned char>(alphabet[i])] = static_cast<unsigned char>(i);
        return table;
}();

} // namespace

std::optional<std::string> decode_base64(std::string_view text, Base64 rules)
{
        const std::string_view ignored = rules == Base64::strict ? "\r\n" : "\r\n \t";

        // Most user data is not base64; its first line shows that.
        if (const auto stray = text.find_first_not_of(alphabet);
                stray != text.npos && text[stray] != '=' && ignored.find(text[stray]) == ignored.npos)
                return std::nullopt;

        std::string digits;
        digits.reserve(text.size());
        std::ranges::copy_if(text, std::back_inserter(digits),
                [&](char c) { return ignored.find(c) == std::string_view::npos; });

        std::size_t padding = 0;
        for (; padding < 2 && digits.ends_with('='); ++padding)
                digits.pop_back();
        const auto needed = (4 - digits.size() % 4) % 4;
        if (needed == 3 || padding > needed || (rules == Base64::strict && padding < needed))
                return std::nullopt;
        if (digits.find_first_not_of(alphabet) != std::string::npos)
                return std::nullopt;

        std::string bytes;
        bytes.reserve(digits.size() / 4 * 3 + 2);
        unsigned pending = 0;
        int bits = 0;

        for (const char digit : digits) {
                pending = (pending << 6 | values[static_cast<unsigned char>(digit)]) & 0xfff;
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        bytes.push_back(static_cast<char>(pending >> bits & 0xff));
                }
        }

        return bytes;
}

} // namespace eks
