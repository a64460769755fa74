// SPDX-License-Identifier: Apache-2.0
#include "userdata/gzip.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

#include <fmt/format.h>
#define ZLIB_CONST // the input is const
#include <zlib.h>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace eks {

namespace {

constexpr std::string_view magic = "\x1f\x8b";
constexpr int gzip_window = MAX_WBITS + 16; // for zlib: gzip header and trailer

[[noreturn]] void refuse(const std::string& source, std::string_view wrong)
{
        throw Error(failure::config_syntax, fmt::format("{}: gzip data: {}", source, wrong),
                "Compress the document again; `gzip --test` checks it");
}

} // namespace

bool is_gzip(std::string_view bytes)
{
        return bytes.starts_with(magic);
}

std::string gunzip(std::string_view bytes, std::size_t limit, const std::string& source)
{
        if (bytes.size() > std::numeric_limits<uInt>::max())
                refuse(source, fmt::format("more than {} bytes", std::numeric_limits<uInt>::max()));
        z_stream stream{};
        if (::inflateInit2(&stream, gzip_window) != Z_OK)
                throw Error(failure::internal, fmt::format("{}: no memory to decompress it", source));

        const std::unique_ptr<z_stream, Deleter<::inflateEnd>> owner(&stream);
        stream.next_in = reinterpret_cast<const Bytef*>(bytes.data());
        stream.avail_in = static_cast<uInt>(bytes.size());

        std::string content;

        std::array<Bytef, 32768> chunk{};

        for (;;) {
                stream.next_out = chunk.data();
                stream.avail_out = static_cast<uInt>(chunk.size());
                const int status = ::inflate(&stream, Z_NO_FLUSH);

                const auto produced = chunk.size() - stream.avail_out;
                if (produced > limit - content.size())
                        refuse(source, fmt::format("more than {} bytes after decompression", limit));
                content.append(reinterpret_cast<const char*>(chunk.data()), produced);

                if (status == Z_STREAM_END) {
                        if (stream.avail_in == 0)
                                return content;

                        const auto rest = bytes.substr(bytes.size() - stream.avail_in);
                        if (!is_gzip(rest))
                                refuse(source, fmt::format("{} bytes after its end are something else",
                                                       rest.size()));

                        if (::inflateReset(&stream) != Z_OK)
                                throw Error(
                                        failure::internal, fmt::format("{}: cannot decompress it", source));

                        continue;
                }

                if (status == Z_BUF_ERROR ||
                        (status == Z_OK && stream.avail_in == 0 && stream.avail_out > 0))
                        refuse(source, fmt::format("cut short after {} bytes", bytes.size()));

                if (status != Z_OK)
                        refuse(source,
                                fmt::format("corrupt near byte {}: {}", bytes.size() - stream.avail_in,
                                        stream.msg != nullptr ? stream.msg : "not a gzip stream"));
        }
}

} // namespace eks
