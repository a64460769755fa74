// SPDX-License-Identifier: Apache-2.0
// What the tests of user data are made of.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/evp.h>
#include <zlib.h>

namespace test {

inline std::string gzip(std::string_view text)
{
        std::string bytes(text.size() + text.size() / 100 + 1024, '\0');
        z_stream stream{};
        if (::deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                throw std::runtime_error("deflateInit2");

        stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text.data()));
        stream.avail_in = static_cast<uInt>(text.size());
        stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
        stream.avail_out = static_cast<uInt>(bytes.size());
        const int status = ::deflate(&stream, Z_FINISH);
        bytes.resize(bytes.size() - stream.avail_out);
        ::deflateEnd(&stream);

        if (status != Z_STREAM_END)
                throw std::runtime_error("deflate");

        return bytes;
}

inline std::string base64(std::string_view bytes)
{
        std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
        const int length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
        text.resize(static_cast<std::size_t>(length));
        return text;
}

inline std::string cluster_document(std::string_view name)
{
        return "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: " +
               std::string(name) + "\n";
}

// "a\nb\n" as "a\r\nb\r\n"
inline std::string crlf(std::string_view text)
{
        std::string result;
        for (const char c : text) {
                if (c == '\n')
                        result += '\r';
                result += c;
        }

        return result;
}

} // namespace test
