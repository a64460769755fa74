// SPDX-License-Identifier: Apache-2.0
#include "steps/swap/header.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace eks {

namespace {

constexpr std::string_view header_magic = "SWAPSPACE2";
constexpr std::string_view label = "eks-swap"; // at most 16 bytes
constexpr std::size_t version_at = 1024;
constexpr std::size_t last_page_at = 1028;
constexpr std::size_t uuid_at = 1036;
constexpr std::size_t label_at = 1052;

std::size_t page_size()
{
        return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void put_number(std::string& page, std::size_t at, std::uint32_t value)
{
        std::memcpy(page.data() + at, &value, sizeof value); // the kernel reads its own byte order
}

std::uint32_t number_at(std::string_view page, std::size_t at)
{
        std::uint32_t value = 0;
        std::memcpy(&value, page.data() + at, sizeof value);
        return value;
}

} // namespace

std::string swap_header(std::uint64_t size, std::size_t page, const Uuid& uuid)
{
        std::string header(page, '\0');
        put_number(header, version_at, 1);
        put_number(header, last_page_at, static_cast<std::uint32_t>(size / page - 1));
        std::ranges::copy(uuid, header.begin() + uuid_at);
        std::ranges::copy(label, header.begin() + label_at);
        std::ranges::copy(header_magic, header.end() - static_cast<std::ptrdiff_t>(header_magic.size()));
        return header;
}

std::optional<std::uint64_t> size_of_our_swap(std::string_view page)
{
        if (page.size() < label_at + label.size() || !page.ends_with(header_magic) ||
                number_at(page, version_at) != 1 ||
                page.substr(label_at, label.size() + 1) != std::string(label) + '\0')
                return std::nullopt;

        return (std::uint64_t{number_at(page, last_page_at)} + 1) * page.size();
}

std::optional<std::uint64_t> size_of_our_swap_at(const std::string& path)
{
        std::string page(page_size(), '\0');
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (!fd || ::pread(fd.get(), page.data(), page.size(), 0) != static_cast<ssize_t>(page.size()))
                return std::nullopt;

        return size_of_our_swap(page);
}

std::uint64_t whole_pages(std::uint64_t size)
{
        return size - size % page_size();
}

int write_swap_header(int fd, std::uint64_t size)
{
        Uuid uuid{};
        if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size()))
                return EIO;

        const auto page = swap_header(size, page_size(), uuid);
        const auto written = ::pwrite(fd, page.data(), page.size(), 0);
        if (written < 0 || ::fsync(fd) != 0)
                return errno;

        return written == static_cast<ssize_t>(page.size()) ? 0 : EIO;
}

} // namespace eks
