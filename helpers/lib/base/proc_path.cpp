// SPDX-License-Identifier: Apache-2.0
#include "base/proc_path.hpp"

namespace eks {

std::string unescaped(std::string_view text)
{
        std::string plain;
        for (std::size_t i = 0; i < text.size(); ++i) {
                const auto digits = text.substr(i + 1, 3);
                const bool is_octal = text[i] == '\\' && digits.size() == 3 &&
                                      digits.find_first_not_of("01234567") == std::string_view::npos;
                plain += is_octal ? static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 +
                                                      (digits[2] - '0'))
                                  : text[i];
                i += is_octal ? digits.size() : 0;
        }

        return plain;
}

} // namespace eks
