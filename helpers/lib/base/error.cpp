// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <tuple>
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

// STATX_ATTR_… of a file or directory, as far as its file system tells.
bool has_attribute(const std::string& path, std::uint64_t attribute)
{
        struct statx found {};
        return ::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, 0, &found) == 0 &&
               (found.stx_attributes & attribute) != 0;
}

// chattr +i or +a, of the file or of the directory in which it would be created, replaced or removed.
std::string attribute_in_the_way(const std::string& path)
{
        for (const auto& name : {path, parent_of(path)})
                for (const auto& [attribute, flag, word] :
                        {std::tuple(STATX_ATTR_IMMUTABLE, 'i', "immutable"),
                                std::tuple(STATX_ATTR_APPEND, 'a', "append-only")})
                        if (has_attribute(name, static_cast<std::uint64_t>(attribute)))
                                return fmt::format("'{0}' has the attribute {2} (`lsattr -d '{0}'`). Run "
                                                   "`chattr -{1} '{0}'`",
                                        name, flag, word);
        return {};
}

// What is mounted over a file that cannot be replaced or removed.
std::string mount_in_the_way(const std::string& path)
{
        if (!has_attribute(path, STATX_ATTR_MOUNT_ROOT))
                return {};
        return fmt::format(
                "Something is mounted on '{0}', perhaps a single file. `findmnt '{0}'` shows what "
                "it is; find out who needs it there before you unmount it",
                path);
}

// The file above it that should be a directory.
std::string no_directory(const std::string& path)
{
        struct stat found {};
        for (auto name = path; name != "/"; name = parent_of(name))
                if (::stat(name.c_str(), &found) == 0)
                        return S_ISDIR(found.st_mode)
                                       ? std::string()
                                       : fmt::format("'{}' is a file; a directory is expected there", name);
        return {};
}

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
                if (has_attribute(name, STATX_ATTR_MOUNT_ROOT)) // a bind mount of the same file system
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
        case EPERM:
                if (auto attribute = attribute_in_the_way(path); !attribute.empty())
                        return attribute;
                return owner_in_the_way(path);
        case EACCES:
                return owner_in_the_way(path);
        case EBUSY:
        case EXDEV: // by link(2), which keeps a copy
                return mount_in_the_way(path);
        case EISDIR:
                return fmt::format("'{}' is a directory; a file is expected there", path);
        case ENOTDIR:
                return no_directory(path);
        case ENOSPC:
        case EDQUOT:
                return what_fills(mount_point_of(path));
        case EROFS:
                return fmt::format(
                        "The file system at '{0}' is mounted read-only: `systemctl status '{0}'` shows the unit "
                        "that mounts it, `journalctl -k` errors of its disk; `mount -o remount,rw '{0}'` makes it "
                        "writable",
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
