// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/run_actions.hpp"

#include <algorithm>
#include <exception>
#include <thread>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

void run(const StorageAction& action)
{
        run_disk_program(action.command, failure_of(action.kind),
                action.serials.empty() ? "" : fmt::format("disk {}: ", join(action.serials, ", ")));
}

// What each action threw, at its index.
using Failures = std::vector<std::exception_ptr>;

void run_all(const std::vector<StorageAction>& actions, Failures& failures)
{
        const auto run_one = [&](std::size_t index) {
                try {
                        run(actions[index]);
                } catch (...) {
                        failures[index] = std::current_exception();
                }
        };

        // This thread runs the first, so that a single action needs no other thread.
        std::vector<std::jthread> others; // they end with this scope
        for (std::size_t i = 1; i < actions.size(); ++i)
                others.emplace_back(run_one, i);
        run_one(0);
}

} // namespace

void run_actions(const std::vector<StorageAction>& actions)
{
        Failures failures(actions.size());
        run_all(actions, failures);

        const auto first =
                std::ranges::find_if(failures, [](const auto& failure) { return failure != nullptr; });
        if (first == failures.end())
                return;

        std::string also;
        for (auto other = first + 1; other != failures.end(); ++other)
                if (*other)
                        also += fmt::format("{}{}", also.empty() ? "" : ", ",
                                join(actions[static_cast<std::size_t>(other - failures.begin())].serials,
                                        ", "));

        try {
                std::rethrow_exception(*first);
        } catch (const Error& error) {
                if (also.empty())
                        throw;
                throw Error(error.failure(), fmt::format("{}; it fails for {}, too", error.what(), also),
                        error.remedy());
        }
}

} // namespace eks
