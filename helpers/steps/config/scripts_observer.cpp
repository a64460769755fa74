// SPDX-License-Identifier: Apache-2.0
#include "steps/config/scripts_observer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/confine.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "systemd/manager.hpp"

namespace eks {

namespace {

// An answer is lines: the state, or what is wrong after '!'; the processes after ':'; and the end.
constexpr std::string_view end_of_answer = ".";
constexpr std::string_view changed = "*"; // between answers
constexpr char question = '?';

std::string one_line(std::string text)
{
        std::ranges::replace(text, '\n', ' ');
        return text;
}

std::string text_of(const ScriptsState& state)
{
        auto text = fmt::format("{:d} {:d} {}\n", state.installed, state.queued, state.active);
        for (const auto& process : state.processes)
                text += fmt::format(":{}\n", one_line(process));
        return text;
}

bool send_all(int socket, std::string_view text)
{
        while (!text.empty()) {
                const auto n = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                text.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
}

bool can_read(int socket)
{
        pollfd event{socket, POLLIN, 0};
        return ::poll(&event, 1, 0) > 0;
}

// In the child, until the step has ended.
void serve(int socket)
{
        constexpr auto long_time = std::chrono::hours(1);
        std::optional<Manager> manager;

        for (char request = 0; ::recv(socket, &request, 1, 0) == 1;) {
                std::string answer;
                try {
                        if (!manager) {
                                manager.emplace();
                                confine(Root(), {.asks_manager = true});
                                manager->watch({last_stage});
                        }
                        answer = text_of(look_at_scripts(*manager));
                } catch (const Error& e) {
                        answer = fmt::format("!{}\n", one_line(e.what()));
                }

                if (!send_all(socket, fmt::format("{}{}\n", answer, end_of_answer)))
                        return;

                while (manager && !can_read(socket))
                        if (manager->wait_for_change(long_time, socket) && !can_read(socket) &&
                                !send_all(socket, fmt::format("{}\n", changed)))
                                return;
        }
}

} // namespace

ScriptsObserver::ScriptsObserver()
{
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
                throw io_error("make sockets for", "a child", errno);

        child_.reset(ends[0]);
        const UniqueFd other(ends[1]);

        pid_ = ::fork();
        if (pid_ < 0)
                throw io_error("start", "a child", errno);

        if (pid_ == 0) {
                child_.reset();
                try {
                        serve(other.get());
                } catch (const std::exception&) { // the step is told by the end of the connection
                }
                ::_exit(0);
        }
}

ScriptsObserver::~ScriptsObserver()
{
        child_.reset();
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
}

ScriptsState ScriptsObserver::look()
{
        changed_ = false;
        const auto lost = [](const std::string& why) {
                return Error(failure::manager_unreachable,
                        fmt::format("cannot ask for the scripts: {}", why),
                        "See `systemctl status cloud-final.service`");
        };

        if (!send_all(child_.get(), {&question, 1}))
                throw lost("the process that asks has ended");

        std::string text;
        const auto end = fmt::format("\n{}\n", end_of_answer); // every answer has a line before it
        while (text.find(end) == text.npos) {
                std::array<char, 4096> buffer{};
                const auto n = ::recv(child_.get(), buffer.data(), buffer.size(), 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        throw lost("the process that asks has ended");

                text.append(buffer.data(), static_cast<std::size_t>(n));
        }

        ScriptsState state;

        for (const auto line : lines(text)) {
                if (line == changed || line == end_of_answer) {
                        changed_ = line == changed; // since then, if it comes last
                        continue;
                }

                if (line.starts_with('!'))
                        throw lost(std::string(line.substr(1)));

                if (line.starts_with(':')) {
                        state.processes.emplace_back(line.substr(1));
                        continue;
                }

                const auto words = split(line, ' ');
                if (words.size() != 3)
                        throw lost("the answer cannot be read");

                state.installed = words[0] == "1";
                state.queued = words[1] == "1";
                state.active = words[2];
        }

        return state;
}

void ScriptsObserver::wait_for_change(std::chrono::milliseconds deadline, int descriptor)
{
        if (changed_)
                return;

        std::array<pollfd, 2> events{pollfd{child_.get(), POLLIN, 0}, {descriptor, POLLIN, 0}};
        ::poll(events.data(), events.size(), static_cast<int>(deadline.count()));

        std::array<char, 64> seen{};
        while (::recv(child_.get(), seen.data(), seen.size(), MSG_DONTWAIT) > 0) {
        }
}

} // namespace eks
