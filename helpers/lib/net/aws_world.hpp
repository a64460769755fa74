// SPDX-License-Identifier: Apache-2.0
// What a call of AWS needs of the world, so that tests and the fleet simulation have one of their own.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "net/aws_call.hpp"
#include "net/aws_retry.hpp"
#include "net/http.hpp"

namespace eks {

struct AwsWorld {
        // One attempt at a request, which ends within the time.
        std::function<HttpAttempt(const HttpRequest&, std::chrono::milliseconds)> attempt;
        std::function<std::chrono::steady_clock::time_point()> now;
        std::function<std::chrono::system_clock::time_point()> clock; // the machine's, which may be wrong
        std::function<void(std::chrono::milliseconds)> sleep;
        std::function<double()> random; // in [0, 1)
        // Those of the environment, else of the role. Throws as aws_credentials().
        std::function<AwsCredentials(const AwsCallOptions&)> credentials;

        // What is known of one call to the next.
        RetryQuota quota = {};
        std::chrono::seconds skew{0}; // how far AWS's clock is ahead of the machine's
};

std::string aws_call_in(AwsWorld& world, const std::string& service, const std::string& region,
        AwsRequest request, const AwsCallOptions& options);

} // namespace eks
