// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/openat2.h>
#include <memory>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "verbs/logs/redact.hpp"

namespace eks {

namespace {

constexpr int deepest = 8;               // directories of a tree
constexpr std::size_t most_files = 2000; // of a pattern
constexpr std::size_t looked_at = 4096;  // bytes, for a NUL

// The directory of the logs, and what links of theirs may lead to beside it.
constexpr std::string_view logs = "/var/log/";
constexpr std::string_view docker_logs = "/var/lib/docker/containers/";

std::string last_part(const std::string& path)
{
        return path.substr(path.rfind('/') + 1);
}

void walk(const Root& root, const std::string& path, const std::string& name, int depth,
        LogClock::time_point end, std::vector<Match>& found)
{
        if (LogClock::now() > end || found.size() >= most_files || depth > deepest)
                return;

        struct stat status {};
        if (::lstat(root(path).c_str(), &status) != 0)
                return;

        if (!S_ISDIR(status.st_mode)) {
                found.push_back({path, name});
                return;
        }

        for (const auto& below : list_directory(root(path)))
                walk(root, path + "/" + below, name + "/" + below, depth + 1, end, found);
}

// The prefix is a name, even if it has characters of a pattern.
std::string escaped(std::string_view text)
{
        std::string result;
        for (const char c : text) {
                if (c == '*' || c == '?' || c == '[' || c == '\\')
                        result += '\\';
                result += c;
        }

        return result;
}

UniqueFd open_in_root(const Root& root, const std::string& path)
{
        constexpr auto flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK; // a pipe is not waited for
        const UniqueFd top(::open(
                root.prefix().empty() ? "/" : root.prefix().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        open_how how{};
        how.flags = flags;
        how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
        UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, top.get(), path.c_str(), &how, sizeof how)));

        // Linux before 5.6, or a filter of system calls that does not know it.
        if (!fd && (errno == ENOSYS || errno == EPERM))
                fd.reset(::open(root(path).c_str(), root.prefix().empty() ? flags : flags | O_NOFOLLOW));

        return fd;
}

std::string read_at(int fd, off_t at, std::size_t size, const std::string& path, LogClock::time_point end)
{
        std::string text(size, '\0');
        std::size_t length = 0;
        while (length < size) {
                if (LogClock::now() > end)
                        throw Error(failure::file_io, fmt::format("'{}' is read too slowly", path),
                                "Look for errors of its disk in `journalctl -k`");

                constexpr std::size_t piece = 256U << 10U;
                const auto n = ::pread(fd, text.data() + length, std::min(piece, size - length),
                        at + static_cast<off_t>(length));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        throw io_error("read", path, errno);
                if (n == 0)
                        break;

                length += static_cast<std::size_t>(n);
        }

        text.resize(length);

        return text;
}

} // namespace

std::vector<Match> find_files(const Root& root, const std::string& pattern, LogClock::time_point end)
{
        glob_t matches{};
        const std::unique_ptr<glob_t, Deleter<::globfree>> owner(&matches);

        std::vector<Match> found;
        if (::glob((escaped(root.prefix()) + pattern).c_str(), 0, nullptr, &matches) != 0)
                return found;

        for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
                const std::string path(matches.gl_pathv[i] + root.prefix().size()); // NOLINT: a C array
                walk(root, path, last_part(path), 0, end, found);
        }

        return found;
}

UniqueFd open_below(const Root& root, const std::string& path)
{
        auto fd = open_in_root(root, path);
        if (!fd) {
                if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO)
                        return fd;
                throw io_error("open", path, errno);
        }

        struct stat status {};
        if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
                return {};

        if (path.starts_with(logs)) {
                const auto place =
                        read_link_if_exists(fmt::format("/proc/self/fd/{}", fd.get())).value_or("");

                std::array<char, PATH_MAX> prefix{};
                if (!root.prefix().empty() && ::realpath(root.prefix().c_str(), prefix.data()) == nullptr)
                        return {};

                const std::string top(prefix.data());
                if (!place.starts_with(top + std::string(logs)) &&
                        !place.starts_with(top + std::string(docker_logs)))
                        throw Error(failure::file_io,
                                fmt::format("'{}' is a link to '{}', which is not a log", path, place),
                                "Copy by hand what it names, if it is needed");
        }

        return fd;
}

std::optional<Text> read_text(
        const Root& root, const std::string& path, std::size_t limit, LogClock::time_point end)
{
        const auto fd = open_below(root, path);
        if (!fd)
                return std::nullopt;

        struct stat status {};
        if (::fstat(fd.get(), &status) != 0)
                throw io_error("look at", path, errno);

        Text result{.text = {},
                .mtime = status.st_mtime,
                .is_binary = false,
                .size = static_cast<std::size_t>(status.st_size)};

        // Files of /proc and /sys have no size.
        const bool is_long = result.size > limit;
        const auto begin = is_long ? status.st_size - static_cast<off_t>(limit) : 0;

        auto raw =
                read_at(fd.get(), begin, result.size == 0 ? limit : std::min(result.size, limit), path, end);
        if (std::string_view(raw).substr(0, looked_at).find('\0') != std::string_view::npos) {
                result.is_binary = true;
                return result;
        }

        std::string_view text = raw;
        if (is_long)
                text.remove_prefix(std::min(text.find('\n') + 1, text.size())); // npos + 1 is 0
        result.text = redact(text, is_long);

        return result;
}

} // namespace eks
