// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/bundle.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/secrets.hpp"

namespace eks {

namespace {

struct Job {
        const Source* source = nullptr;
        LogClock::time_point end; // of collecting; writing does not count
        bool is_running = false;
        bool is_writing = false;     // waits for the archive
        bool is_left_behind = false; // nothing more is taken from it
};

// Shared with threads that may be left behind, so it must live as long as they do. The archive is only used
// while write_sources() runs.
struct Collecting {
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<Job> jobs;
        std::size_t next = 0;
        Surroundings here;
        std::chrono::milliseconds timeout{};
        Archive* archive = nullptr; // none once writing has failed or ended
        Contents contents;
        std::set<std::string> names;
        std::exception_ptr failure;
};

using Lock = std::unique_lock<std::mutex>;

void write(Collecting& state, Job& job, std::string name, std::string_view text, std::time_t mtime)
{
        const auto begin = LogClock::now();
        const Lock waiting = [&] {
                Lock lock(state.mutex);
                job.is_writing = true;
                return lock;
        }();

        if (!job.is_left_behind && state.archive != nullptr) {
                for (int number = 2; !state.names.insert(name).second; ++number)
                        name = fmt::format("{}.{}", name, number);
                try {
                        state.archive->add("./" + name, text, mtime);
                        state.contents.files.push_back({name, text.size()});
                        if (job.source->kind == Kind::status)
                                state.contents.status = text;
                        if (name == diagnosis_name)
                                state.contents.diagnosis = text;
                } catch (...) {
                        state.failure = std::current_exception();
                        state.archive = nullptr;
                }
        }

        job.is_writing = false;
        job.end += LogClock::now() - begin;
}

void add_problem(Collecting& state, const Job& job, const std::string& text)
{
        const Lock lock(state.mutex);
        if (!job.is_left_behind)
                state.contents.problems.push_back(
                        fmt::format("{}: {}", job.source->name, hide_secrets(text)));
}

void work(const std::shared_ptr<Collecting>& shared)
{
        auto& state = *shared;
        for (;;) {
                Job* job = nullptr;
                {
                        const Lock lock(state.mutex);
                        if (state.next == state.jobs.size() || state.archive == nullptr)
                                return;
                        job = &state.jobs[state.next++];
                        job->is_running = true;
                        job->end = LogClock::now() + state.timeout;
                }

                collect(*job->source, state.here, job->end,
                        {.add =
                                        [&](std::string name, const std::string& text, std::time_t mtime) {
                                                write(state, *job, std::move(name), text, mtime);
                                        },
                                .problem =
                                        [&](const std::string& text) { add_problem(state, *job, text); }});
                const Lock lock(state.mutex);
                job->is_running = false;
                state.changed.notify_all();

                if (job->is_left_behind)
                        return; // another thread has taken its place
        }
}

void start_thread(const std::shared_ptr<Collecting>& state)
{
        std::thread([state] { work(state); }).detach();
}

} // namespace

Contents write_sources(
        std::span<const Source> sources, const Surroundings& here, const Pace& pace, Archive& archive)
{
        const auto state = std::make_shared<Collecting>();
        state->here = here;
        state->timeout = pace.timeout;
        state->archive = &archive;

        for (const auto& source : sources)
                if (applies(source, here))
                        state->jobs.push_back({.source = &source, .end = {}});

        for (unsigned i = 0; i < pace.at_once; ++i)
                start_thread(state);

        constexpr std::chrono::milliseconds look_again{100};
        Lock lock(state->mutex);

        for (;;) {
                const auto now = LogClock::now();
                for (auto& job : state->jobs)
                        if (job.is_running && !job.is_writing && !job.is_left_behind &&
                                now > job.end + pace.grace) {
                                state->contents.problems.push_back(
                                        fmt::format("{}: did not end at the deadline", job.source->name));
                                job.is_left_behind = true;
                                state->contents.left_behind = true;
                                start_thread(state);
                        }

                const bool ended = state->next == state->jobs.size() || state->archive == nullptr;
                if (ended && std::ranges::none_of(state->jobs,
                                     [](const Job& job) { return job.is_running && !job.is_left_behind; }))
                        break;

                state->changed.wait_for(lock, look_again);
        }

        state->archive = nullptr;

        if (state->failure)
                std::rethrow_exception(state->failure);
        std::ranges::sort(state->contents.files, {}, &BundleFile::name);
        std::ranges::sort(state->contents.problems);

        return state->contents;
}

} // namespace eks
