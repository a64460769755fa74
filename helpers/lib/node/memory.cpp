// SPDX-License-Identifier: Apache-2.0
#include "node/memory.hpp"

#include <limits>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view block_directory = "/sys/devices/system/memory";
constexpr std::string_view meminfo_path = "/proc/meminfo";

Error malformed(std::string_view path, std::string_view text)
{
        return {failure::file_io,
                fmt::format(
                        "'{}' does not say how much memory there is: '{}'", path, trim(text).substr(0, 40)),
                "sysfs must be mounted at /sys and procfs at /proc: see `findmnt /sys /proc`"};
}

// In bytes; counting stops at `enough`. Nothing if the kernel has no such blocks.
std::optional<std::uint64_t> block_memory(const Root& root, std::uint64_t enough)
{
        const auto size_path = fmt::format("{}/block_size_bytes", block_directory);
        const auto text = read_file_if_exists(root(size_path));
        if (!text)
                return std::nullopt;

        const auto size = parse_int<std::uint64_t>(trim(*text), 16);
        if (!size)
                throw malformed(size_path, *text);

        std::uint64_t blocks = 0;
        for (const auto& name : list_directory(root(block_directory))) {
                if (!name.starts_with("memory") || !parse_int<unsigned>(std::string_view(name).substr(6)))
                        continue;
                const auto online =
                        read_file_if_exists(root(fmt::format("{}/{}/online", block_directory, name)));
                if (online && trim(*online) == "1" && *size * ++blocks >= enough)
                        break;
        }

        return *size * blocks;
}

std::uint64_t memory_mib(const Root& root, std::uint64_t enough)
{
        if (const auto bytes = block_memory(root, enough); bytes && *bytes > 0)
                return *bytes >> 20U;

        const auto text = read_file(root(meminfo_path));
        for (const auto line : split(text, '\n')) { // "MemTotal:        7862340 kB"
                if (!line.starts_with("MemTotal:") || !line.ends_with(" kB"))
                        continue;
                const auto kib = parse_int<std::uint64_t>(trim(line.substr(9, line.size() - 12)));
                if (!kib || *kib == 0)
                        break;
                return *kib >> 10U;
        }

        throw malformed(meminfo_path, text);
}

} // namespace

std::uint64_t online_memory_mib(const Root& root)
{
        return memory_mib(root, std::numeric_limits<std::uint64_t>::max());
}

bool has_memory_mib(const Root& root, std::uint64_t mib)
{
        return memory_mib(root, mib << 20U) >= mib;
}

} // namespace eks
