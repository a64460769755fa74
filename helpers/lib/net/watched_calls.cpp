// SPDX-License-Identifier: Apache-2.0
#include "net/watched_calls.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/log.hpp"
#include "net/aws_retry.hpp"

namespace eks {

namespace {

using std::chrono::seconds;

constexpr seconds unit_margin{30}; // so that the manager waits longer than we do

void extend_timeout(std::chrono::milliseconds pause, seconds answer)
{
        const auto next = std::chrono::ceil<seconds>(pause) + answer + unit_margin;
        notify_extend_timeout(static_cast<unsigned>(next.count()));
}

} // namespace

std::string WatchedCalls::call(const AwsRequest& request, std::string_view action)
{
        const auto answer = std::min(limits_.wait, limits_.answer);
        const auto throttled = std::min(limits_.wait, limits_.throttled);
        if (!std::exchange(calls_, true))
                begin_wait(answer);
        watch_->say(asking_);

        const auto now = std::chrono::steady_clock::now();
        return aws_call(service_.name, service_.region, request,
                {.credentials = {},
                        .endpoint = service_.endpoint,
                        .deadline = now + answer,
                        .on_retry =
                                [&](const std::string& what) {
                                        watch_->say(fmt::format("{}: {}", asking_, what));
                                        extend_timeout(longest_retry_delay, limits_.answer);
                                },
                        .throttled_deadline = now + throttled,
                        .on_throttled =
                                [&] {
                                        if (!std::exchange(throttled_, true))
                                                begin_wait(throttled);
                                },
                        .action = std::string(action),
                        .on_warning = watch_->warn,
                        .parse_error = service_.parse_error});
}

void WatchedCalls::wait(std::chrono::milliseconds time, const std::string& status)
{
        if (!std::exchange(waits_, true))
                begin_wait(limits_.wait);
        watch_->say(status);
        extend_timeout(time, limits_.answer);
        std::this_thread::sleep_for(time);
}

void WatchedCalls::begin_wait(seconds limit) const
{
        if (watch_->until)
                watch_->until(limit);
}

} // namespace eks
