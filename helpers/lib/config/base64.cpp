// SPDX-License-Identifier: Apache-2.0
#include "config/base64.hpp"

#include <algorithm>
#include <limits>

#include <openssl/evp.h>

namespace eks {

std::optional<std::string> decode_base64(std::string_view text, Base64 rules)
{
        const std::string_view ignored = rules == Base64::strict ? "\r\n" : "\r\n \t";
        constexpr std::string_view alphabet =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        // Most user data is no base64, and says so in its first line.
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
        // EVP_DecodeBlock takes '=' in the middle for zero bits and trims what it thinks is white space.
        if (digits.find_first_not_of(alphabet) != std::string::npos ||
                digits.size() > std::numeric_limits<int>::max() - needed)
                return std::nullopt;
        if (digits.empty())
                return std::string();

        digits.append(needed, '=');
        std::string bytes(digits.size() / 4 * 3, '\0');
        const auto length = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                reinterpret_cast<const unsigned char*>(digits.data()), static_cast<int>(digits.size()));
        if (length < 0)
                return std::nullopt;
        bytes.resize(static_cast<std::size_t>(length) - needed); // the padding was decoded as zeros
        return bytes;
}

} // namespace eks
