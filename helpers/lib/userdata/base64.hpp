// SPDX-License-Identifier: Apache-2.0
// Base64 by nodeadm's rules. It is written here because loading OpenSSL costs 1 ms and 2 MiB in a step that
// needs nothing else of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace eks {

enum class Base64 {
        lenient, // blanks, tabs, CR and LF anywhere; padding may be missing
        strict,  // CR and LF anywhere; padded. As nodeadm decides whether user data is base64 at all
};

// Bytes from the standard alphabet; nothing if the text is not base64. Empty text gives zero bytes.
std::optional<std::string> decode_base64(std::string_view text, Base64 rules = Base64::lenient);

} // namespace eks
