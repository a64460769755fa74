// SPDX-License-Identifier: Apache-2.0
// Preloaded into a step: ends it by SIGKILL right before or right after the KILL_AT-th change, counted from
// 1, odd numbers before and even ones after. A change is one of the file system, the start of a program, or
// a call of the service manager that starts or stops something. With KILL_IN, which names a program, only
// its changes count; with KILL_PARENT, the process that started it dies, too, as when the machine loses its
// power.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <spawn.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

void point()
{
        static const char* wanted = ::getenv("KILL_AT");
        static const char* program = ::getenv("KILL_IN");
        static long seen = 0;
        if (wanted == nullptr ||
                (program != nullptr && std::string_view(program) != program_invocation_short_name) ||
                ++seen != std::strtol(wanted, nullptr, 10))
                return;

        if (::getenv("KILL_PARENT") != nullptr)
                ::kill(::getppid(), SIGKILL);
        ::kill(::getpid(), SIGKILL);
}

bool starts_or_stops_units(const iovec* parts, std::size_t count)
{
        for (const auto* part = parts; part != parts + count; ++part) {
                const std::string_view text(static_cast<const char*>(part->iov_base), part->iov_len);
                for (const std::string_view call : {"StartUnit", "StopUnit", "StartTransientUnit"})
                        if (text.find(call) != text.npos)
                                return true;
        }
        return false;
}

template <typename Function, typename... Arguments>
auto between(Function* next, Arguments... arguments)
{
        point();
        const auto result = next(arguments...);
        point();
        return result;
}

} // namespace

// The definition that this one stands before.
#define NEXT(name)                                                                                          \
        []() {                                                                                              \
                static auto* const next = reinterpret_cast<decltype(&::name)>(::dlsym(RTLD_NEXT, #name));   \
                return next;                                                                                \
        }()
#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int rename(const char* from, const char* to) noexcept
{
        return between(NEXT(rename), from, to);
}

EXPORT int link(const char* from, const char* to) noexcept
{
        return between(NEXT(link), from, to);
}

EXPORT int symlink(const char* target, const char* path) noexcept
{
        return between(NEXT(symlink), target, path);
}

EXPORT int unlink(const char* path) noexcept
{
        return between(NEXT(unlink), path);
}

EXPORT int mknod(const char* path, mode_t mode, dev_t number) noexcept
{
        return between(NEXT(mknod), path, mode, number);
}

EXPORT ssize_t write(int fd, const void* data, size_t size)
{
        return between(NEXT(write), fd, data, size);
}

EXPORT ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset)
{
        return between(NEXT(pwrite64), fd, data, size, offset);
}

EXPORT int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
        const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment)
{
        return between(NEXT(posix_spawn), pid, path, actions, attributes, arguments, environment);
}

EXPORT ssize_t sendmsg(int fd, const msghdr* message, int flags)
{
        if (!starts_or_stops_units(message->msg_iov, message->msg_iovlen))
                return NEXT(sendmsg)(fd, message, flags);
        return between(NEXT(sendmsg), fd, message, flags);
}

EXPORT ssize_t writev(int fd, const iovec* parts, int count)
{
        if (!starts_or_stops_units(parts, static_cast<std::size_t>(count)))
                return NEXT(writev)(fd, parts, count);
        return between(NEXT(writev), fd, parts, count);
}
