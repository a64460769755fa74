// SPDX-License-Identifier: Apache-2.0
// gzip over zlib, which has no call that stops at a limit or goes on with the next member.
#pragma once

#include <string>
#include <string_view>

namespace eks {

// By its first two bytes, as nodeadm and cloud-init decide it.
bool is_gzip(std::string_view bytes);

// What was compressed; several members are one after the other. `source` names it in messages. Throws Error
// (config_syntax) if it is cut short or corrupt, if something else follows, or if there is more than `limit`
// bytes in it: then no more than that has been decompressed.
std::string gunzip(std::string_view bytes, std::size_t limit, const std::string& source);

} // namespace eks
