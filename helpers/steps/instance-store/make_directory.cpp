// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/make_directory.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "storage/disks.hpp"

namespace eks {

namespace {

Error failed(const std::string& what, int error)
{
        return {failure::volume_failed, fmt::format("{}: {}", what, ::strerror(error)),
                "See `journalctl -k` for errors of the disk"};
}

// The label of SELinux, if there is one.
void copy_label(const std::string& from, const std::string& to)
{
        constexpr auto name = "security.selinux";
        std::array<char, 4096> label{};
        const auto length = ::lgetxattr(from.c_str(), name, label.data(), label.size());

        if (length > 0 &&
                ::lsetxattr(to.c_str(), name, label.data(), static_cast<std::size_t>(length), 0) != 0 &&
                errno != ENOTSUP)
                throw failed(fmt::format("cannot set the label of '{}'", to), errno);
}

} // namespace

std::string nearest_that_exists(std::string path)
{
        while (path.size() > 1 && !exists(path))
                path = std::filesystem::path(path).parent_path();
        return path;
}

void make_directory_like(const std::string& path, const std::string& like, unsigned mode_if_absent)
{
        struct stat status {};
        const bool known = ::stat(like.c_str(), &status) == 0;

        const auto partial = path + ".partial";
        std::error_code ignored;
        std::filesystem::remove_all(partial, ignored);
        make_directories(partial);

        const auto mode = known ? status.st_mode & 07777U : mode_if_absent;
        if ((known && ::chown(partial.c_str(), status.st_uid, status.st_gid) != 0) ||
                ::chmod(partial.c_str(), mode) != 0)
                throw failed(fmt::format("cannot set the mode of '{}'", path), errno);

        copy_label(nearest_that_exists(like), partial);

        if (::rename(partial.c_str(), path.c_str()) != 0)
                throw failed(fmt::format("cannot finish '{}'", path), errno);
}

} // namespace eks
