// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fs.hpp"

#include "base/secrets.hpp"

namespace eks {

Error::Error(const Failure& failure, const std::string& what, const std::string& remedy)
        : std::runtime_error(hide_secrets(what)), failure_(&failure), remedy_(hide_secrets(remedy))
{
}

std::string Error::full_text() const
{
        const std::string_view cause = what();
        if (remedy_.empty())
                return std::string(cause);
        return fmt::format("{}{} {}", cause, cause.ends_with('?') ? "" : ".", remedy_);
}

namespace {

// The file, or a directory above it, that belongs to somebody else and has not all rights for us. A step
// runs as root, but without the capability to override permissions.
std::string owner_in_the_way(const std::string& path)
{
        constexpr unsigned search = 01;
        constexpr unsigned search_and_write = 03;
        constexpr unsigned read_and_write = 06;
        struct stat found {};
        std::string foreign;
        auto needed = read_and_write;
        for (auto name = path;; name = parent_of(name)) {
                const bool known = ::stat(name.c_str(), &found) == 0;
                const auto rights = found.st_gid == ::getegid() ? found.st_mode >> 3U : found.st_mode;
                if (known && found.st_uid != ::geteuid() && (rights & needed) != needed)
                        foreign = fmt::format(
                                "'{}' belongs to user {} and has mode {:04o}. Run `chown root '{}'`", name,
                                found.st_uid, found.st_mode & 07777U, name);
                if (name == "/")
                        return foreign; // the one nearest to the root
                needed = needed == read_and_write ? search_and_write : search;
        }
}

// Where the file system that holds it is mounted.
std::string mount_point_of(const std::string& path)
{
        struct stat inside {};
        auto name = path;
        while (::stat(name.c_str(), &inside) != 0 && name != "/")
                name = parent_of(name);
        while (name != "/") {
                struct stat above {};
                const auto parent = parent_of(name);
                if (::stat(parent.c_str(), &above) != 0 || above.st_dev != inside.st_dev)
                        break;
                name = parent;
        }
        return name;
}

std::string what_fills(const std::string& mount_point)
{
        struct statvfs space {};
        const bool counted = ::statvfs(mount_point.c_str(), &space) == 0;
        const bool inodes = counted && space.f_files > 0 && space.f_ffree == 0;
        return fmt::format(
                "The file system at '{0}' {1}; `du {2} '{0}' | sort -n | tail` shows what fills it",
                mount_point, inodes ? "has no inode left" : "is full", inodes ? "--inodes -x" : "-xak");
}

std::string remedy_for(const std::string& path, int errno_value)
{
        if (!path.starts_with('/'))
                return {};
        switch (errno_value) {
        case EACCES:
        case EPERM:
                return owner_in_the_way(path);
        case ENOSPC:
        case EDQUOT:
                return what_fills(mount_point_of(path));
        case EROFS:
                return fmt::format(
                        "The file system at '{0}' is mounted read-only: `journalctl -k` may say why; "
                        "`mount -o remount,rw '{0}'` makes it writable",
                        mount_point_of(path));
        default:
                return {};
        }
}

} // namespace

Error io_error(std::string_view verb, std::string_view path, int errno_value)
{
        return {failure::file_io, fmt::format("cannot {} '{}': {}", verb, path, ::strerror(errno_value)),
                remedy_for(std::string(path), errno_value)};
}

} // namespace eks
