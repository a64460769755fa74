// SPDX-License-Identifier: Apache-2.0
#include "net/protobuf.hpp"

#include <optional>

namespace eks::protobuf {

namespace {

void append_varint(std::string& message, std::uint64_t value)
{
        for (; value >= 0x80; value >>= 7U)
                message += static_cast<char>((value & 0x7fU) | 0x80U);
        message += static_cast<char>(value);
}

std::optional<std::uint64_t> take_varint(std::string_view& bytes)
{
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
                const auto byte = static_cast<unsigned char>(bytes.front());
                bytes.remove_prefix(1);
                value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
                if ((byte & 0x80U) == 0)
                        return value;
        }

        return std::nullopt;
}

bool skip(std::string_view& bytes, std::uint64_t length)
{
        if (length > bytes.size())
                return false;
        bytes.remove_prefix(length);
        return true;
}

} // namespace

void append(std::string& message, unsigned field, std::string_view value)
{
        append_varint(message, (std::uint64_t{field} << 3U) | 2U);
        append_varint(message, value.size());
        message += value;
}

bool for_each(std::string_view message, const std::function<void(unsigned, std::string_view)>& f)
{
        while (!message.empty()) {
                const auto key = take_varint(message);
                if (!key)
                        return false;

                switch (*key & 7U) {
                case 0:
                        if (!take_varint(message))
                                return false;
                        break;
                case 1:
                        if (!skip(message, 8))
                                return false;
                        break;
                case 2: {
                        const auto length = take_varint(message);
                        if (!length || *length > message.size())
                                return false;
                        f(static_cast<unsigned>(*key >> 3U), message.substr(0, *length));
                        message.remove_prefix(*length);
                        break;
                }
                case 5:
                        if (!skip(message, 4))
                                return false;
                        break;
                default:
                        return false;
                }
        }

        return true;
}

} // namespace eks::protobuf
