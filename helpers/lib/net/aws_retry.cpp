// SPDX-License-Identifier: Apache-2.0
#include "net/aws_retry.hpp"

#include <algorithm>
#include <array>

namespace eks {

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 14> throttling{"BandwidthLimitExceeded", "EC2ThrottledException",
        "LimitExceededException", "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
        "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown",
        "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
        "TransactionInProgressException"};

constexpr std::array<std::string_view, 6> transient{"InternalError", "InternalFailure", "RequestTimeout",
        "RequestTimeoutException", "ServiceUnavailable", "Unavailable"};

struct Growth {
        milliseconds first;
        milliseconds longest;
};

constexpr Growth transient_growth{50ms, 20s};
constexpr Growth throttled_growth{1s, longest_retry_delay};
constexpr unsigned most_doublings = 16; // more than either needs

unsigned cost(AwsFault fault)
{
        return fault == AwsFault::throttled ? 5 : 14;
}

} // namespace

bool is_throttling(std::string_view kind, long status)
{
        return status == 429 || std::ranges::find(throttling, kind) != throttling.end();
}

bool is_transient(std::string_view kind, long status)
{
        return status == 500 || status == 502 || status == 503 || status == 504 ||
               std::ranges::find(transient, kind) != transient.end();
}

bool RetryQuota::take(AwsFault fault)
{
        if (tokens_ < cost(fault))
                return false;

        last_ = cost(fault);
        tokens_ -= last_;
        return true;
}

void RetryQuota::give_back()
{
        constexpr unsigned full = 500;
        tokens_ = std::min(full, tokens_ + std::max(last_, 1U));
        last_ = 0;
}

milliseconds AwsRetry::next_delay(AwsFault fault, double random, milliseconds left)
{
        const auto& growth = fault == AwsFault::throttled ? throttled_growth : transient_growth;
        auto& count = fault == AwsFault::throttled ? throttled_ : transient_;
        const auto longest =
                quota_->take(fault)
                        ? std::min(growth.longest, growth.first * (1U << std::min(count++, most_doublings)))
                        : growth.longest;

        at_end_ = longest >= left;
        return std::chrono::round<milliseconds>(std::min(longest, left) * random);
}

} // namespace eks
