// SPDX-License-Identifier: Apache-2.0
// Calls of AWS as a step makes them: `systemctl status` shows what is awaited and until when, and the
// service manager waits for as long.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "net/aws_call.hpp"

namespace eks {

// What is said while AWS is asked.
struct CallWatch {
        std::function<void(const std::string&)> say;          // the status texts
        std::function<void(std::chrono::seconds)> until = {}; // how long the wait that begins may take
        std::function<void(const std::string&)> warn = [](const std::string&) {};
};

struct CallLimits {
        std::chrono::seconds answer;    // for the service to answer
        std::chrono::seconds throttled; // for it to answer something else than that it throttles
        std::chrono::seconds wait;      // for the state that the caller wants, in all
};

class WatchedCalls {
public:
        struct Service {
                std::string name; // "eks"
                std::string region;
                EndpointKind endpoint = {};
                std::function<AwsError(const std::string& body)> parse_error = {}; // as in AwsCallOptions
        };

        // `asking` is the status text.
        WatchedCalls(Service service, std::string asking, const CallLimits& limits, const CallWatch& watch)
                : service_(std::move(service)), asking_(std::move(asking)), limits_(limits), watch_(&watch)
        {
        }

        // As aws_call(). `action` is that of IAM.
        std::string call(const AwsRequest& request, std::string_view action);

        // Sleep until the next request for the state that is wanted.
        void wait(std::chrono::milliseconds time, const std::string& status);

private:
        void begin_wait(std::chrono::seconds limit) const;

        Service service_;
        std::string asking_;
        CallLimits limits_;
        const CallWatch* watch_;
        bool calls_ = false;
        bool throttled_ = false;
        bool waits_ = false;
};

} // namespace eks
