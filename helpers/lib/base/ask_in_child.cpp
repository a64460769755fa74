// SPDX-License-Identifier: Apache-2.0
#include "base/ask_in_child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view end_of_answer = ".";

// In the child: the lines, or what is wrong as "!TEXT"; the end is said by a line too.
std::string answer_of(const std::function<std::vector<std::string>()>& ask)
{
        std::string text;
        try {
                for (const auto& line : ask())
                        text += line + "\n";
        } catch (const std::exception& e) {
                std::string what = e.what();
                std::ranges::replace(what, '\n', ' ');
                text = fmt::format("!{}\n", what);
        }

        return text + std::string(end_of_answer) + "\n";
}

// Until the other end is closed, or the deadline.
std::string read_until(const UniqueFd& fd, std::chrono::steady_clock::time_point end)
{
        using Clock = std::chrono::steady_clock;
        std::string text;
        std::array<char, 4096> buffer{};

        for (;;) {
                const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
                pollfd event{fd.get(), POLLIN, 0};
                if (left.count() <= 0 || ::poll(&event, 1, static_cast<int>(left.count())) == 0)
                        return text;

                const auto length = ::read(fd.get(), buffer.data(), buffer.size());
                if (length < 0 && errno == EINTR)
                        continue;
                if (length <= 0)
                        return text;

                text.append(buffer.data(), static_cast<std::size_t>(length));
        }
}

// It ends itself: a confined step may signal no other process. Inside the kernel, as in a driver that hangs,
// it ends when it leaves it.
void end_at(std::chrono::milliseconds deadline)
{
        ::signal(SIGALRM, SIG_DFL);
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(deadline);
        const std::chrono::microseconds rest = deadline - seconds;
        const itimerval limit{.it_interval = {}, .it_value = {seconds.count(), rest.count()}};
        ::setitimer(ITIMER_REAL, &limit, nullptr);
}

} // namespace

AskedChild::AskedChild(
        const std::function<std::vector<std::string>()>& ask, std::chrono::milliseconds deadline)
        : end_(std::chrono::steady_clock::now() + deadline)
{
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
                wrong_ = ::strerror(errno);
                return;
        }

        reader_ = UniqueFd(ends[0]);
        const UniqueFd writer(ends[1]);

        child_ = ::fork();
        if (child_ < 0)
                wrong_ = ::strerror(errno);

        if (child_ == 0) {
                end_at(deadline);
                const auto answer = answer_of(ask);
                const auto written =
                        ::write(writer.get(), answer.data(), answer.size()); // fits into the pipe
                ::_exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
        }
}

ChildAnswer AskedChild::answer()
{
        if (!wrong_.empty())
                return {{}, wrong_};

        const auto text = read_until(reader_, end_);

        // Not waited for: it may hang in the kernel.
        ::waitpid(child_, nullptr, WNOHANG);
        const auto answers = lines(text);
        if (answers.empty() || answers.back() != end_of_answer)
                return {{}, "it does not answer"};

        ChildAnswer answer;
        for (const auto line : answers)
                if (line.starts_with('!'))
                        answer.wrong = std::string(line.substr(1));
                else if (line != end_of_answer)
                        answer.lines.emplace_back(line);

        return answer;
}

ChildAnswer ask_in_child(
        const std::function<std::vector<std::string>()>& ask, std::chrono::milliseconds deadline)
{
        return AskedChild(ask, deadline).answer();
}

} // namespace eks
