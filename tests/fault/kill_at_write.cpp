// SPDX-License-Identifier: Apache-2.0
// Preloaded into a step: ends it by SIGKILL right before or right after the KILL_AT-th change of the file
// system, counted from 1, odd numbers before and even ones after.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>

namespace {

void point()
{
        static const char* wanted = ::getenv("KILL_AT");
        static long seen = 0;
        if (wanted != nullptr && ++seen == std::strtol(wanted, nullptr, 10))
                ::kill(::getpid(), SIGKILL);
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

EXPORT ssize_t write(int fd, const void* data, size_t size)
{
        return between(NEXT(write), fd, data, size);
}
