// SPDX-License-Identifier: Apache-2.0
// gzip with zlib. zlib has no call that stops at a limit or continues with the next member.
#pragma once

#include <string>
#include <string_view>

namespace eks {

// By its first two bytes, as nodeadm and cloud-init decide it.
bool is_gzip(std::string_view bytes);

// The decompressed data; several members are appended to each other. `source` names it in messages. Throws
// Error (config_syntax) if it is cut short or corrupt, if other data follows, or if it has more than `limit`
// bytes; no more than that is decompressed.
std::string gunzip(std::string_view bytes, std::size_t limit, const std::string& source);

} // namespace eks
