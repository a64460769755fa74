// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/collect.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <optional>
#include <set>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "net/http.hpp"
#include "net/sigv4.hpp"
#include "verbs/logs/journal.hpp"
#include "verbs/logs/proc_tables.hpp"
#include "verbs/logs/redact.hpp"

namespace eks {

namespace {

constexpr std::array<std::string_view, 6> program_directories{
        "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"};
constexpr std::size_t user_data_limit = mebibyte;
constexpr std::chrono::milliseconds url_timeout{3000}; // of something that runs on this machine

std::vector<std::string> words(std::string_view text)
{
        std::vector<std::string> result;
        for (const auto word : split(text, ' '))
                if (!word.empty())
                        result.emplace_back(word);
        return result;
}

std::optional<std::string> find_program(const std::string& name)
{
        if (name.starts_with('/'))
                return ::access(name.c_str(), X_OK) == 0 ? std::optional(name) : std::nullopt;
        for (const auto directory : program_directories)
                if (auto path = fmt::format("{}/{}", directory, name); ::access(path.c_str(), X_OK) == 0)
                        return path;
        return std::nullopt;
}

// `systemctl status` of a unit that does not run, or is not there.
bool says_stopped(const std::vector<std::string>& argv, int status)
{
        return argv.size() > 1 && argv[1] == "status" &&
               (status == 3 || status == 4); // NOLINT: systemctl(1)
}

std::vector<std::string> mounted_xfs()
{
        std::set<std::string> devices; // of a bind mount, too
        const auto mounts = read_file_if_exists("/proc/mounts").value_or("");
        for (const auto line : lines(mounts))
                if (const auto fields = split(line, ' '); fields.size() > 2 && fields[2] == "xfs")
                        devices.emplace(fields[0]);
        return {devices.begin(), devices.end()};
}

// The command for each of what its last word stands for.
std::vector<std::vector<std::string>> commands_for(const std::vector<std::string>& argv)
{
        std::vector<std::string> names;
        if (argv.back() == "{interface}")
                names = list_directory("/sys/class/net");
        else if (argv.back() == "{xfs}")
                names = mounted_xfs();
        else
                return {argv};

        std::vector<std::vector<std::string>> all;
        for (auto& name : names) {
                all.push_back(argv);
                all.back().back() = std::move(name);
        }

        return all;
}

std::chrono::milliseconds left_until(LogClock::time_point end)
{
        return std::max(std::chrono::milliseconds(1),
                std::chrono::duration_cast<std::chrono::milliseconds>(end - LogClock::now()));
}

class Collector {
public:
        Collector(const Source& source, const Surroundings& here, LogClock::time_point end,
                const Results& results)
                : source_(&source), here_(&here), end_(end), results_(&results)
        {
        }

        void run() const
        {
                switch (source_->kind) {
                case Kind::files:
                        return collect_files();
                case Kind::digest:
                        return collect_digest();
                case Kind::command:
                        return collect_commands();
                case Kind::verb:
                case Kind::status:
                case Kind::diagnosis:
                        return collect_verb();
                case Kind::journal:
                        return collect_journal();
                case Kind::url:
                        return collect_url();
                case Kind::table:
                        return add(std::string(source_->name), redact(proc_table(source_->from, end_)));
                }
        }

private:
        void add(std::string name, std::string text, std::time_t mtime = std::time(nullptr)) const
        {
                if (!text.empty())
                        results_->add(std::move(name), std::move(text), mtime);
        }

        void collect_files() const
        {
                std::size_t total = 0;
                const bool is_directory = source_->name.ends_with('/');

                for (const auto& pattern : words(source_->from))
                        for (const auto& match : find_files(here_->root, pattern, end_)) {
                                if (total > files_limit)
                                        return results_->problem(fmt::format(
                                                "only the first {} MiB", files_limit / mebibyte));
                                total += collect_file(match.path,
                                        std::string(source_->name) + (is_directory ? match.name : ""));
                        }
        }

        // Returns the size of what was added.
        std::size_t collect_file(const std::string& path, const std::string& name) const
        {
                try {
                        auto text = read_text(here_->root, path, source_->limit, end_);
                        if (!text)
                                return 0;

                        if (text->is_binary) {
                                results_->problem(fmt::format("'{}' is not text, left out", path));
                                return 0;
                        }

                        const auto size = text->text.size();
                        add(name, std::move(text->text), text->mtime);
                        return size;
                } catch (const Error& e) {
                        results_->problem(e.what());
                        return 0;
                }
        }

        void collect_digest() const
        {
                const std::string path(source_->from);
                const auto text = read_file_if_exists(here_->root(path), user_data_limit);
                if (text)
                        add(std::string(source_->name), fmt::format("'{}': {} bytes, SHA-256 {}\n", path,
                                                                text->size(), sha256(*text)));
        }

        // Its output, redacted; a program that fails may have said why in it.
        std::string run_one(const std::vector<std::string>& argv, std::string_view shown) const
        {
                const auto result = run_program(argv, left_until(end_), source_->limit);
                if (result.timed_out)
                        results_->problem(fmt::format("`{}` was killed at the deadline", shown));
                else if (result.status != 0 && !says_stopped(argv, result.status) &&
                         !(source_->kind == Kind::diagnosis && result.status == 1))
                        results_->problem(fmt::format("`{}` ended with status {}", shown, result.status));
                return redact(result.output);
        }

        void collect_commands() const
        {
                std::string text;
                std::vector<std::string> argv;
                const auto run = [&] {
                        if (const auto program = find_program(argv.front()))
                                for (auto& one : commands_for(argv)) {
                                        const auto shown = join(one, " ");
                                        if (one != argv)
                                                text += fmt::format("# {}\n", shown);
                                        one.front() = *program;
                                        text += run_one(one, shown);
                                }

                        argv.clear();
                };

                for (auto& word : words(source_->from)) {
                        if (word == ";")
                                run();
                        else
                                argv.push_back(std::move(word));
                }

                run();
                add(std::string(source_->name), std::move(text));
        }

        void collect_verb() const
        {
                auto argv = words(source_->from);
                const auto shown = "eksnode " + std::string(source_->from);
                argv.front() = fmt::format("{}/eksnode-{}", here_->verbs, argv.front());

                if (source_->kind == Kind::verb && !here_->is_live()) {
                        argv.emplace_back("--root");
                        argv.push_back(here_->root.prefix());
                }

                add(std::string(source_->name), run_one(argv, shown));
        }

        void collect_journal() const
        {
                JournalQuery query{.units = {}, .match = {}, .since = here_->since, .limit = source_->limit};
                if (source_->from.find('=') != source_->from.npos) {
                        query.match = source_->from;
                } else if (source_->from != "*") {
                        query.units = units_matching(here_->root, words(source_->from));
                        if (query.units.empty())
                                return;
                }

                auto journal = journal_text(here_->root, query, end_);
                if (LogClock::now() > end_)
                        results_->problem("the journal is read too slowly: only the end of it");
                add(std::string(source_->name), std::move(journal.text));
        }

        void collect_url() const
        {
                const HttpRequest request{.method = "GET",
                        .url = "http://127.0.0.1" + std::string(source_->from),
                        .headers = {},
                        .body = {},
                        .body_limit = source_->limit};
                HttpAttempt attempt{.request = &request, .response = {}, .failure = {}};
                const auto transport = plain_http();
                const auto timeout = std::min(left_until(end_), url_timeout);
                transport->start(attempt, timeout, timeout);

                const auto end = LogClock::now() + timeout;
                while (!attempt.ended && LogClock::now() < end)
                        transport->wait(left_until(end));
                if (!attempt.ended)
                        transport->cancel(attempt);

                if (attempt.ended && attempt.failure.empty() &&
                        attempt.response.status == 200) // NOLINT: HTTP
                        add(std::string(source_->name), redact(attempt.response.body));
                else
                        results_->problem(fmt::format("'{}' does not answer: {}", source_->from,
                                !attempt.failure.empty() ? attempt.failure
                                : attempt.ended          ? fmt::format("status {}", attempt.response.status)
                                                         : "timeout"));
        }

        const Source* source_;
        const Surroundings* here_;
        LogClock::time_point end_;
        const Results* results_;
};

} // namespace

bool applies(const Source& source, const Surroundings& here)
{
        if (source.needs_systemd && !(here.is_live() && here.has_systemd))
                return false;

        switch (source.kind) {
        case Kind::command:
        case Kind::status:
        case Kind::diagnosis:
        case Kind::url:
        case Kind::table:
                return here.is_live();
        case Kind::files:
        case Kind::digest:
        case Kind::verb:
        case Kind::journal:
                return true;
        }

        return true;
}

void collect(
        const Source& source, const Surroundings& here, LogClock::time_point end, const Results& results)
{
        try {
                Collector(source, here, end, results).run();
        } catch (const std::exception& e) {
                results.problem(e.what());
        }
}

} // namespace eks
