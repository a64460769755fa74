// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace eks {

namespace {

using Clock = std::chrono::steady_clock;

// A process that hangs in the kernel, as in a driver, does not die of a signal; then it is left behind.
constexpr std::chrono::seconds time_to_die{1};

// False at the deadline.
bool wait_readable(int fd, Clock::time_point end)
{
        for (;;) {
                const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
                pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
                const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<long>(0, left.count())));
                if (ready >= 0 || errno != EINTR)
                        return ready > 0;
        }
}

} // namespace

ProcessResult run_program(
        const std::vector<std::string>& argv, std::chrono::milliseconds deadline, std::size_t output_limit)
{
        std::array<int, 2> pipe_ends{};
        if (::pipe2(pipe_ends.data(), O_CLOEXEC) < 0)
                throw io_error("make a pipe for", argv.front(), errno);

        const UniqueFd reader(pipe_ends[0]);
        UniqueFd writer(pipe_ends[1]);

        std::vector<char*> arguments;
        arguments.reserve(argv.size() + 1);

        for (const auto& argument : argv)
                arguments.push_back(
                        const_cast<char*>(argument.c_str())); // NOLINT: posix_spawn's C signature
        arguments.push_back(nullptr);

        posix_spawn_file_actions_t actions{};
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
        pid_t pid = 0;
        const int error =
                ::posix_spawn(&pid, argv.front().c_str(), &actions, nullptr, arguments.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);

        if (error != 0)
                throw io_error("run", argv.front(), error);

        writer.reset();

        ProcessResult result;
        const auto end = Clock::now() + deadline;

        for (;;) {
                if (!wait_readable(reader.get(), end)) {
                        result.timed_out = true;
                        ::kill(pid, SIGKILL);
                        break;
                }

                std::array<char, 4096> buffer{};
                const auto n = ::read(reader.get(), buffer.data(), buffer.size());
                if (n <= 0)
                        break;

                if (result.output.size() < output_limit)
                        result.output.append(buffer.data(), static_cast<std::size_t>(n));
        }

        // A program may close its output and go on: the deadline holds for it too.
        const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        if (!result.timed_out && process && !wait_readable(process.get(), end)) {
                result.timed_out = true;
                ::kill(pid, SIGKILL);
        }

        // Without a pidfd (Linux 5.3) it is waited for as long as it takes.
        if (result.timed_out && process && !wait_readable(process.get(), Clock::now() + time_to_die)) {
                result.status = 128 + SIGKILL;
                return result;
        }

        int status = 0;
        while (::waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

        return result;
}

} // namespace eks
