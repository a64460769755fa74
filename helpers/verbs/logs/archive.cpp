// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/archive.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t name_length = 100;
constexpr std::size_t prefix_length = 155;
constexpr std::size_t largest = 077777777777; // that eleven octal digits can say
constexpr int gzip_window = MAX_WBITS + 16;   // for zlib: gzip header and trailer
constexpr int memory_level = 8;               // zlib's default
constexpr int level = 4;                      // text is a tenth already, and twice as fast as with 6

// Where fields of a ustar header begin.
constexpr std::size_t mode_at = 100;
constexpr std::size_t owner_at = 108;
constexpr std::size_t group_at = 116;
constexpr std::size_t size_at = 124;
constexpr std::size_t mtime_at = 136;
constexpr std::size_t checksum_at = 148;
constexpr std::size_t type_at = 156;
constexpr std::size_t magic_at = 257;
constexpr std::size_t prefix_at = 345;

std::string padding(std::size_t size)
{
        return std::string((block - size % block) % block, '\0');
}

// A name is split at a slash, which is in neither part.
std::optional<std::pair<std::string, std::string>> split_name(const std::string& name)
{
        if (name.size() <= name_length)
                return std::pair(std::string(), name);
        const auto slash = name.find('/', name.size() - name_length - 1);
        if (slash == name.npos || slash > prefix_length || slash == 0 || slash + 1 == name.size())
                return std::nullopt;
        return std::pair(name.substr(0, slash), name.substr(slash + 1));
}

std::string header(
        const std::string& prefix, const std::string& name, char type, std::size_t size, std::time_t mtime)
{
        std::string text(block, '\0');
        const auto put = [&](std::size_t at, std::string_view value) {
                text.replace(at, value.size(), value);
        };

        put(0, name);
        put(mode_at, "0000600");
        put(owner_at, "0000000");
        put(group_at, "0000000");
        put(size_at, fmt::format("{:011o}", std::min(size, largest)));
        put(mtime_at, fmt::format("{:011o}", std::clamp<std::time_t>(mtime, 0, largest)));
        put(checksum_at, "        "); // counts as blanks
        text[type_at] = type;
        put(magic_at, std::string_view("ustar\00000", 8));
        put(prefix_at, prefix);
        const auto sum = std::accumulate(
                text.begin(), text.end(), 0U, [](unsigned total, unsigned char c) { return total + c; });
        put(checksum_at, fmt::format("{:06o}", sum));
        text[checksum_at + 6] = '\0';

        return text;
}

// "LENGTH KEY=VALUE\n", whose length counts its own digits.
std::string pax_record(std::string_view key, std::string_view value)
{
        const auto rest = key.size() + value.size() + 3;
        auto length = rest + 1;
        while (rest + fmt::format("{}", length).size() != length)
                ++length;
        return fmt::format("{} {}={}\n", length, key, value);
}

} // namespace

std::string tar_header(const std::string& name, std::size_t size, std::time_t mtime)
{
        constexpr char regular = '0';
        constexpr char pax = 'x';

        const auto parts = split_name(name);
        std::string records;
        if (!parts)
                records += pax_record("path", name);
        if (size > largest)
                records += pax_record("size", fmt::format("{}", size));
        std::string text;
        if (!records.empty())
                text = header("", "pax", pax, records.size(), mtime) + records + padding(records.size());

        return text + (parts ? header(parts->first, parts->second, regular, size, mtime)
                             : header("", name.substr(0, name_length), regular, size, mtime));
}

Archive::Archive(Write write) : write_(std::move(write))
{
        if (::deflateInit2(&stream_, level, Z_DEFLATED, gzip_window, memory_level, Z_DEFAULT_STRATEGY) !=
                Z_OK)
                throw Error(failure::internal, "no memory to compress with");
        owner_.reset(&stream_);
}

void Archive::compress(std::string_view bytes, int flush)
{
        std::array<Bytef, 32768> chunk{};
        stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data())); // NOLINT: C
        stream_.avail_in = static_cast<uInt>(bytes.size()); // a source is at most some MiB

        do {
                stream_.next_out = chunk.data();
                stream_.avail_out = static_cast<uInt>(chunk.size());
                ::deflate(&stream_, flush);
                write_({reinterpret_cast<const char*>(chunk.data()), chunk.size() - stream_.avail_out});
        } while (stream_.avail_out == 0);
}

void Archive::add(const std::string& name, std::string_view content, std::time_t mtime)
{
        compress(tar_header(name, content.size(), mtime), Z_NO_FLUSH);
        compress(content, Z_NO_FLUSH);
        compress(padding(content.size()), Z_NO_FLUSH);
}

void Archive::finish()
{
        compress(std::string(2 * block, '\0'), Z_FINISH);
}

} // namespace eks
