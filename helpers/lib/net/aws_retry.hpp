// SPDX-License-Identifier: Apache-2.0
// When a call of AWS is tried again: the standard mode of the AWS SDKs, for one call that has a deadline.
// Pure; the caller has the clock and the random numbers. Source: AWS SDKs and Tools Reference Guide, "Retry
// behavior", as of 2026.
#pragma once

#include <chrono>
#include <string_view>

namespace eks {

// Why an attempt failed, if another one may succeed.
enum class AwsFault { transient, throttled };

// By its code, or by its status if it has none: "RequestLimitExceeded", 503.
bool is_throttling(std::string_view kind, long status);
bool is_transient(std::string_view kind, long status);

// Retries of one program. Each takes something, a success gives it back. The SDKs give up when it is empty.
// A node at boot has nothing else to do: its retries then come as rarely as they may, until the deadline.
class RetryQuota {
public:
        bool take(AwsFault fault);
        void give_back(); // what the last retry took, or a token

private:
        unsigned tokens_ = 500;
        unsigned last_ = 0;
};

inline constexpr std::chrono::seconds longest_retry_delay{160};

// The attempts of one call.
class AwsRetry {
public:
        AwsRetry(RetryQuota& quota, unsigned most_attempts) : quota_(&quota), most_(most_attempts) {}

        // How long to wait after a failed attempt, from nothing to twice as long each time: `random` is in
        // [0, 1). A throttled account recovers at a fixed rate, whatever is sent to it, so that the waits
        // for it go on growing. If there might be no time for that, the next attempt is the last one, at a
        // random time of what is `left`.
        std::chrono::milliseconds next_delay(AwsFault fault, double random, std::chrono::milliseconds left);

        bool is_last(unsigned attempts) const { return at_end_ || (most_ != 0 && attempts >= most_); }

private:
        RetryQuota* quota_;
        unsigned most_; // 0: as many as the time allows
        unsigned transient_ = 0;
        unsigned throttled_ = 0;
        bool at_end_ = false;
};

} // namespace eks
