// SPDX-License-Identifier: Apache-2.0
#include "base/fs.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"

namespace eks {

std::string parent_of(const std::string& path)
{
        const auto slash = path.rfind('/');
        if (slash == std::string::npos)
                return ".";
        return slash == 0 ? "/" : path.substr(0, slash);
}

namespace {

std::string name_of(const std::string& path)
{
        return path.substr(path.rfind('/') + 1);
}

// Temporary files of this path that a killed process left.
void remove_leftovers(const std::string& path)
{
        const auto prefix = fmt::format(".#{}.", name_of(path));
        for (const auto& name : list_directory(parent_of(path))) {
                const auto process = name.starts_with(prefix)
                                             ? parse_int<pid_t>(std::string_view(name).substr(prefix.size()))
                                             : std::nullopt;
                if (process && (*process == ::getpid() || (::kill(*process, 0) < 0 && errno == ESRCH)))
                        ::unlink(fmt::format("{}/{}", parent_of(path), name).c_str());
        }
}

// A name in the same directory that is removed again unless it has been renamed into place.
class TemporaryName {
public:
        TemporaryName(const std::string& path)
                : path_(fmt::format("{}/.#{}.{}", parent_of(path), name_of(path), ::getpid()))
        {
                remove_leftovers(path);
        }
        TemporaryName(const TemporaryName&) = delete;
        TemporaryName& operator=(const TemporaryName&) = delete;
        ~TemporaryName()
        {
                if (!path_.empty())
                        ::unlink(path_.c_str());
        }

        const std::string& path() const { return path_; }
        void rename_to(const std::string& target)
        {
                if (::rename(path_.c_str(), target.c_str()) < 0)
                        throw io_error("replace", target, errno);
                path_.clear();
        }

private:
        std::string path_;
};

void write_all(int fd, std::string_view content, const std::string& path)
{
        while (!content.empty()) {
                const auto n = ::write(fd, content.data(), content.size());
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        throw io_error("write", path, errno);
                content.remove_prefix(static_cast<std::size_t>(n));
        }
}

void sync_directory(const std::string& path)
{
        const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!directory || ::fsync(directory.get()) < 0)
                throw io_error("sync", path, errno);
}

} // namespace

std::optional<std::string> read_file_if_exists(const std::string& path, std::size_t limit)
{
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
        if (!fd) {
                if (errno == ENOENT || errno == ENOTDIR)
                        return std::nullopt;
                throw io_error("open", path, errno);
        }

        std::string content;
        std::array<char, 16384> buffer{};

        for (;;) {
                const auto n = ::read(fd.get(), buffer.data(), buffer.size());
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        throw io_error("read", path, errno);
                if (n == 0)
                        return content;

                content.append(buffer.data(), static_cast<std::size_t>(n));
                if (content.size() > limit)
                        throw Error(failure::file_io,
                                fmt::format("'{}' is larger than the limit of {} bytes", path, limit),
                                "Look at what has written it, and make it smaller");
        }
}

std::string read_file(const std::string& path, std::size_t limit)
{
        if (auto content = read_file_if_exists(path, limit))
                return *std::move(content);
        throw io_error("open", path, ENOENT);
}

bool exists(const std::string& path)
{
        struct stat st {};
        return ::stat(path.c_str(), &st) == 0;
}

std::vector<std::string> list_directory(const std::string& path)
{
        std::vector<std::string> names;
        const std::unique_ptr<DIR, Deleter<::closedir>> directory(::opendir(path.c_str()));
        if (!directory) {
                if (errno == ENOENT || errno == ENOTDIR)
                        return names;
                throw io_error("list", path, errno);
        }

        while (const dirent* entry = ::readdir(directory.get())) {
                std::string name(static_cast<const char*>(entry->d_name));
                if (name != "." && name != "..")
                        names.push_back(std::move(name));
        }

        std::ranges::sort(names);
        return names;
}

void make_directories(const std::string& path)
{
        if (path.empty() || ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST)
                return;
        if (errno != ENOENT)
                throw io_error("create directory", path, errno);

        make_directories(parent_of(path));
        if (::mkdir(path.c_str(), 0755) < 0 && errno != EEXIST)
                throw io_error("create directory", path, errno);
}

namespace {

// With its mode from the beginning, because a confined step can change none.
UniqueFd create(const std::string& path, mode_t mode)
{
        const auto mask = ::umask(0);
        UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
        ::umask(mask); // sets no errno
        return fd;
}

} // namespace

void write_atomically(const std::string& path, std::string_view content, mode_t mode, Durability durability)
{
        const auto directory = parent_of(path);
        make_directories(directory);

        TemporaryName temporary(path);
        auto fd = create(temporary.path(), mode);
        if (!fd)
                throw io_error("create", temporary.path(), errno);

        write_all(fd.get(), content, path);
        if (durability == Durability::synced && ::fsync(fd.get()) < 0)
                throw io_error("sync", path, errno);

        fd.reset();
        temporary.rename_to(path);

        if (durability == Durability::synced)
                sync_directory(directory);
}

void link_atomically(const std::string& path, const std::string& target)
{
        const auto directory = parent_of(path);
        make_directories(directory);

        TemporaryName temporary(path);
        if (::symlink(target.c_str(), temporary.path().c_str()) < 0)
                throw io_error("create link", path, errno);

        temporary.rename_to(path);
        sync_directory(directory);
}

std::optional<std::string> read_link_if_exists(const std::string& path)
{
        std::array<char, PATH_MAX> target{};
        const auto n = ::readlink(path.c_str(), target.data(), target.size());
        if (n < 0)
                return std::nullopt;
        return std::string(target.data(), static_cast<std::size_t>(n));
}

bool remove_if_exists(const std::string& path, Durability durability)
{
        if (::unlink(path.c_str()) == 0) {
                if (durability == Durability::synced)
                        sync_directory(parent_of(path));
                return true;
        }

        if (errno == ENOENT || errno == ENOTDIR)
                return false;

        throw io_error("remove", path, errno);
}

} // namespace eks
