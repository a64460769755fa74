// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <linux/fs.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

#include "base/process.hpp"
#include "base/system_calls.hpp"
#include "support.hpp"

using namespace eks;

namespace {

// What `look` returns in a child that is limited: 0 or the errno of what it tried.
int limited(const SystemCallLimits& limits, const std::function<int()>& look)
{
        return test::in_child([&] {
                ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                return limit_system_calls(limits) ? look() : 98;
        });
}

std::function<int()> make_socket(int family, int type)
{
        return [=] { return ::socket(family, type | SOCK_CLOEXEC, 0) >= 0 ? 0 : errno; };
}

int result_of(long value)
{
        return value >= 0 ? 0 : errno;
}

} // namespace

TEST_CASE("A limited process makes datagram sockets of the machine, and no others", "[system-calls]")
{
        CHECK(limited({}, make_socket(AF_UNIX, SOCK_DGRAM)) == 0);
        CHECK(limited({}, make_socket(AF_UNIX, SOCK_STREAM)) == EAFNOSUPPORT);
        CHECK(limited({}, make_socket(AF_UNIX, SOCK_SEQPACKET)) == EAFNOSUPPORT);
        CHECK(limited({.internet = true}, make_socket(AF_UNIX, SOCK_STREAM)) == EAFNOSUPPORT);
        CHECK(limited({.connects = true}, make_socket(AF_UNIX, SOCK_STREAM)) == 0);

        for (const auto family : {AF_INET, AF_INET6})
                for (const auto type : {SOCK_STREAM, SOCK_DGRAM}) {
                        CAPTURE(family, type);
                        CHECK(limited({}, make_socket(family, type)) == EAFNOSUPPORT);
                        CHECK(limited({.connects = true}, make_socket(family, type)) == EAFNOSUPPORT);
                        CHECK(limited({.internet = true}, make_socket(family, type)) == 0);
                }

        CHECK(limited({}, make_socket(AF_NETLINK, SOCK_RAW)) == EAFNOSUPPORT);
        CHECK(limited({.internet = true}, make_socket(AF_NETLINK, SOCK_RAW)) == 0);
        CHECK(limited({.internet = true, .connects = true}, make_socket(AF_PACKET, SOCK_RAW)) ==
                EAFNOSUPPORT);
        CHECK(limited({.internet = true, .connects = true}, make_socket(AF_ALG, SOCK_SEQPACKET)) ==
                EAFNOSUPPORT);
}

TEST_CASE("A limited process has no namespaces, tracing, keys or io_uring", "[system-calls]")
{
        const auto call = [](long number, long one = 0, long two = 0) {
                return limited({}, [=] { return result_of(::syscall(number, one, two, 0, 0, 0)); });
        };

        CHECK(call(SYS_unshare, CLONE_NEWUSER) == EPERM);
        CHECK(call(SYS_unshare, 0) == EPERM); // which the kernel itself allows to everybody
        CHECK(call(SYS_clone, CLONE_NEWUSER | SIGCHLD) == EPERM);
        CHECK(call(SYS_clone3) == ENOSYS);
        CHECK(call(SYS_ptrace, PTRACE_TRACEME) == EPERM);
        CHECK(call(SYS_io_uring_setup, 1) == EPERM);
        CHECK(call(SYS_personality, 0xffffffff) == EPERM); // a mere question
        CHECK(call(SYS_keyctl, 0) == EPERM);
        CHECK(call(SYS_getppid) == 0);
}

TEST_CASE("A limited process turns no swap on or off, unless it is its task", "[system-calls]")
{
        for (const auto number : {SYS_swapon, SYS_swapoff}) {
                const auto look = [=] { return result_of(::syscall(number, "/nonexistent", 0)); };
                CHECK(limited({}, look) == EPERM);

                const int own = limited({.swaps = true}, [=] {
                        const int result = look();
                        return result == EPERM ? ENOENT : result; // without the capability
                });

                CHECK(own == ENOENT);
        }
}

TEST_CASE("A limited process has no memory that is writable and executable", "[system-calls]")
{
        const auto map = [](int protection, const SystemCallLimits& limits = {}) {
                return limited(limits, [=] {
                        const auto* memory =
                                ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                        return memory != MAP_FAILED ? 0 : errno;
                });
        };

        CHECK(map(PROT_READ | PROT_WRITE) == 0);
        CHECK(map(PROT_READ | PROT_EXEC) == EPERM); // as of a file that it has written
        CHECK(map(PROT_READ | PROT_EXEC, {.runs_programs = true}) == 0);
        CHECK(map(PROT_READ | PROT_EXEC, {.loads_libraries = true}) == 0);
        CHECK(map(PROT_READ | PROT_WRITE | PROT_EXEC) == EPERM);
        CHECK(map(PROT_READ | PROT_WRITE | PROT_EXEC, {.runs_programs = true}) == EPERM);

        const auto change = [](int protection) {
                return limited({}, [=] {
                        void* memory = ::mmap(
                                nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                        return result_of(::mprotect(memory, 4096, protection));
                });
        };

        CHECK(change(PROT_READ) == 0);
        CHECK(change(PROT_READ | PROT_EXEC) == EPERM);
}

TEST_CASE("A limited process runs programs, and they are limited as well", "[system-calls]")
{
        const auto status = [](const std::string& command) {
                return limited({.runs_programs = true}, [=] {
                        return run_program({"/bin/sh", "-c", command}, std::chrono::seconds(60)).status;
                });
        };

        CHECK(status("test \"$(echo a | tr a b)\" = b") == 0);
        CHECK(status("unshare --user true") != 0);
        CHECK(status("grep -q '^Seccomp:.2' /proc/self/status") == 0);
}

TEST_CASE("A limited process runs nothing, and nothing from memory in any case", "[system-calls]")
{
        const auto run = [](const SystemCallLimits& limits) {
                return limited(limits, [] {
                        std::array<char*, 1> none{};
                        ::execve("/nonexistent", none.data(), none.data());
                        return errno;
                });
        };

        CHECK(run({}) == EPERM);
        CHECK(run({.runs_programs = true}) == ENOENT);

        for (const bool programs : {false, true}) {
                const SystemCallLimits limits{.runs_programs = programs};
                CHECK(limited(limits, [] { return result_of(::memfd_create("code", 0)); }) == EPERM);
                CHECK(limited(limits, [] {
                        return result_of(::syscall(SYS_execveat, -1, "", nullptr, nullptr, AT_EMPTY_PATH));
                }) == EPERM);
        }
}

TEST_CASE("A limited process signals and limits no other process", "[system-calls]")
{
        // Its parent, which is this test.
        const auto call = [](const SystemCallLimits& limits, const std::function<long(pid_t)>& f) {
                return limited(limits, [&] { return result_of(f(::getppid())); });
        };

        const auto ask = [](pid_t parent) { return ::kill(parent, 0); };
        const auto signal = [](pid_t parent) { return ::kill(parent, SIGURG); }; // is ignored
        const auto thread = [](pid_t parent) { return ::syscall(SYS_tgkill, parent, parent, SIGURG); };
        const auto queue = [](pid_t parent) { return ::sigqueue(parent, SIGURG, {}); };
        const auto limit = [](pid_t parent) {
                rlimit old{};
                return ::prlimit(parent, RLIMIT_NOFILE, nullptr, &old);
        };

        const auto priority = [](pid_t parent) { return ::setpriority(PRIO_PROCESS, parent, 1); };
        const auto owner = [](pid_t parent) { return ::fcntl(STDERR_FILENO, F_SETOWN, parent); };
        CHECK(call({}, ask) == 0);
        CHECK(call({}, [](pid_t) { return ::kill(::getpid(), SIGURG); }) == 0);

        for (const auto& f :
                std::vector<std::function<long(pid_t)>>{signal, thread, queue, limit, priority, owner})
                CHECK(call({}, f) == EPERM);
        CHECK(call({.runs_programs = true}, signal) == 0);
        CHECK(call({.runs_programs = true}, limit) == EPERM);
        CHECK(limited({}, [] {
                rlimit own{};
                return result_of(::getrlimit(RLIMIT_NOFILE, &own));
        }) == 0);
}

TEST_CASE("A limited process changes no attributes of files, and makes none setuid", "[system-calls]")
{
        const test::TemporaryDirectory directory;
        directory.write("/file", "content");
        const auto file = directory("/file");
        const auto call = [&](const SystemCallLimits& limits, const std::function<long(const char*)>& f) {
                return limited(limits, [&] { return result_of(f(file.c_str())); });
        };

        const auto mode = [](mode_t bits) {
                return [=](const char* path) -> long { return ::chmod(path, bits); };
        };

        const auto mode_of_open = [](mode_t bits) {
                return [=](const char* path) -> long {
                        return ::fchmod(::open(path, O_RDONLY | O_CLOEXEC), bits);
                };
        };

        const auto create = [](mode_t bits) {
                return [=](const char* path) -> long {
                        ::unlink(path);
                        return ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, bits);
                };
        };

        const auto owner = [](const char* path) -> long { return ::chown(path, ::getuid(), ::getgid()); };
        const auto times = [](const char* path) -> long { return ::utimensat(AT_FDCWD, path, nullptr, 0); };
        const auto attribute = [](const char* path) -> long {
                return ::setxattr(path, "user.eks", "x", 1, 0) == 0 || errno == ENOTSUP ? 0 : -1;
        };

        const SystemCallLimits lifted{.changes_attributes = true};
        for (const auto& f :
                std::vector<std::function<long(const char*)>>{mode(0644), owner, times, attribute}) {
                CHECK(call({}, f) == EPERM);
                CHECK(call(lifted, f) == 0);
        }

        CHECK(call({}, mode_of_open(0600)) == EPERM);
        CHECK(call(lifted, mode_of_open(0646)) == 0);

        const auto immutable = [](const char* path) -> long {
                int flags = FS_IMMUTABLE_FL;
                return ::ioctl(::open(path, O_RDONLY | O_CLOEXEC), FS_IOC_SETFLAGS, &flags);
        };

        CHECK(call({}, immutable) == EPERM);

        for (const mode_t bits : {04755U, 02755U}) {
                CHECK(call({}, mode_of_open(bits)) == EPERM);
                CHECK(call({}, create(bits)) == EPERM);
                CHECK(call(lifted, mode_of_open(bits)) == EPERM);
                CHECK(call(lifted, mode(bits)) == EPERM);
                CHECK(call({.any_mode = true}, create(bits)) == 0);
                CHECK(call({.any_mode = true}, mode(bits)) == 0);
        }

        CHECK(call({}, create(0644)) == 0);
}

TEST_CASE("A limited process truncates only what it has opened for writing", "[system-calls]")
{
        const test::TemporaryDirectory directory;
        directory.write("/file", "content");
        const auto file = directory("/file");
        CHECK(limited({}, [&] { return result_of(::truncate(file.c_str(), 0)); }) == EPERM);
        CHECK(limited({}, [&] { return result_of(::open(file.c_str(), O_RDONLY | O_TRUNC | O_CLOEXEC)); }) ==
                EPERM);
        CHECK(directory.read("/file") == "content");
        CHECK(limited({}, [&] { return result_of(::open(file.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC)); }) ==
                0);
}

#ifdef __x86_64__
TEST_CASE("Calls of another ABI are refused", "[system-calls]")
{
        // The socket() of i386, past the number that the filter knows. A kernel without i386 refuses the
        // instruction itself.
        constexpr int segmentation_fault = 128 + SIGSEGV;
        const auto socket_of_i386 = limited({}, [] {
                long result = 0;
                asm volatile("int $0x80"
                             : "=a"(result)
                             : "a"(359), "b"(AF_INET), "c"(SOCK_STREAM), "d"(0)
                             : "memory");
                return result == -ENOSYS ? EPERM : static_cast<int>(-result);
        });
        CHECK((socket_of_i386 == EPERM || socket_of_i386 == segmentation_fault));

        CHECK(limited({}, [] {
                const auto x32 = 0x40000000L | SYS_socket;
                return result_of(::syscall(x32, AF_INET, SOCK_STREAM, 0));
        }) == ENOSYS);
}
#endif
