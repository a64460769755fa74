// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/proc_tables.hpp"

#include <algorithm>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::ptrdiff_t many_variables = 1000;
constexpr std::size_t io_delay_field = 39; // of /proc/PID/stat, counted after the name in parentheses
constexpr int deepest_process = 12;

// A process may end while it is looked at.
std::string content(const std::string& path)
{
        try {
                return read_file_if_exists(path).value_or("");
        } catch (const Error&) {
                return {};
        }
}

template <typename F>
void each_process(LogClock::time_point end, F&& f)
{
        for (const auto& name : list_directory("/proc"))
                if (parse_int<int>(name) && LogClock::now() < end)
                        f(name);
}

std::string processes(LogClock::time_point end)
{
        std::string text;
        each_process(
                end, [&](const std::string& pid) { text += content(fmt::format("/proc/{}/stat", pid)); });
        return text;
}

// Kubernetes gives a container variables for each service; too many keep it from starting.
std::string environments(LogClock::time_point end)
{
        std::string text = "PID Count\n";
        each_process(end, [&](const std::string& pid) {
                const auto variables = content(fmt::format("/proc/{}/environ", pid));
                const auto count = std::ranges::count(variables, '\0');
                if (count > many_variables)
                        text += fmt::format("{} {}\n", pid, count);
        });

        return text;
}

std::string io_throttling(LogClock::time_point end)
{
        std::vector<std::pair<std::uint64_t, std::string>> delays;
        each_process(end, [&](const std::string& pid) {
                const auto status = content(fmt::format("/proc/{}/stat", pid));
                const auto name = status.find('(');
                const auto name_end = status.rfind(')');
                if (name == status.npos || name_end == status.npos)
                        return;

                const auto fields = split(std::string_view(status).substr(name_end + 2), ' ');
                const auto delay = fields.size() > io_delay_field
                                           ? parse_int<std::uint64_t>(fields[io_delay_field])
                                           : std::nullopt;
                if (delay && *delay > 0)
                        delays.emplace_back(
                                *delay, fmt::format("{} {}", pid, status.substr(name, name_end + 1 - name)));
        });

        std::ranges::sort(delays, std::greater());
        std::string text = "PID Name Block IO Delay (centiseconds)\n";
        for (const auto& [delay, process] : delays)
                text += fmt::format("{} {}\n", process, delay);

        return text;
}

void cpu_throttling(const std::string& directory, int depth, LogClock::time_point end, std::string& text)
{
        if (depth > deepest_process || LogClock::now() > end)
                return;

        const auto statistics = content(directory + "/cpu.stat");
        for (const auto line : lines(statistics))
                if (line.starts_with("nr_throttled ") && line != "nr_throttled 0")
                        text += fmt::format("{}\n{}\n", directory, statistics);

        for (const auto& name : list_directory(directory)) {
                const auto path = directory + "/" + name;
                struct stat status {};
                if (::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
                        cpu_throttling(path, depth + 1, end, text);
        }
}

} // namespace

std::string proc_table(std::string_view name, LogClock::time_point end)
{
        if (name == "processes")
                return processes(end);
        if (name == "environments")
                return environments(end);
        if (name == "io")
                return io_throttling(end);

        std::string text;
        cpu_throttling("/sys/fs/cgroup", 0, end, text);

        return text.empty() ? "No CPU throttling found\n" : text;
}

} // namespace eks
