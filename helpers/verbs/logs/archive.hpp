// SPDX-License-Identifier: Apache-2.0
// A tar.gz as a stream: nothing is kept but what the compressor holds.
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <zlib.h>

#include "base/fd.hpp"

namespace eks {

// The ustar header of a regular file, after a pax header if the name or the size does not fit.
std::string tar_header(const std::string& name, std::size_t size, std::time_t mtime);

class Archive {
public:
        using Write = std::function<void(std::string_view)>; // throws if it cannot write

        explicit Archive(Write write);

        // Readable by the owner only.
        void add(const std::string& name, std::string_view content, std::time_t mtime);
        void finish();

private:
        void compress(std::string_view bytes, int flush);

        Write write_;
        z_stream stream_{};
        std::unique_ptr<z_stream, Deleter<::deflateEnd>> owner_;
};

} // namespace eks
