// SPDX-License-Identifier: Apache-2.0
// The part of the wire format of Protocol Buffers that containerd's image service needs: strings and
// messages. libprotobuf would be 3 MB for two calls.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace eks::protobuf {

// Append a length-delimited field (string, bytes or message).
void append(std::string& message, unsigned field, std::string_view value);

// Call f(field number, value) for every length-delimited field, in order; other fields are skipped. Returns
// false if the bytes are not a message.
bool for_each(std::string_view message, const std::function<void(unsigned, std::string_view)>& f);

} // namespace eks::protobuf
