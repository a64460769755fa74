// SPDX-License-Identifier: Apache-2.0
// The EC2 instance metadata service, version 2 only: a token first, never a request without one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "net/http.hpp"

namespace eks {

// The endpoint: $EKS_IMDS_ENDPOINT, else $AWS_EC2_METADATA_SERVICE_ENDPOINT, else the usual address. Throws
// Error (usage) if it is not an http URL.
std::string imds_endpoint();

// What a 404 means for a path. Early in an instance's life the service also answers 404 for items that it
// does not know yet.
enum class Absence {
        answer,      // the instance does not have it
        not_yet,     // every instance has it: ask again, until the deadline
        soon_answer, // ask again for a few seconds, then it is an answer
};

struct ImdsItem {
        std::string path;
        Absence absence = Absence::answer;
};

class ImdsClient {
public:
        static constexpr std::chrono::milliseconds usual_patience{3'000};

        struct Options {
                std::string endpoint = "http://169.254.169.254"; // scheme and host, no path
                std::chrono::milliseconds timeout{30'000};       // for everything this client does
                // How long to repeat requests for Absence::soon_answer items; called only if one is absent.
                std::function<std::chrono::milliseconds()> patience = [] { return usual_patience; };
                std::function<void(const std::string&)> on_retry = [](const std::string&) {};
        };

        explicit ImdsClient(Options options);

        // The bodies of paths below /latest/ ("meta-data/mac"), fetched together over few connections;
        // nothing for a 404, which counts as an answer. Throws Error: imds_unreachable at the deadline,
        // imds_refused if the service refuses a token, imds_answer for any other status.
        std::vector<std::optional<std::string>> fetch(const std::vector<std::string>& paths);

        // The same, but each item defines the meaning of a 404. Throws Error (imds_answer) at the deadline
        // for an absent item that every instance has.
        std::vector<std::optional<std::string>> wait_for(const std::vector<ImdsItem>& items);

        std::chrono::milliseconds time_left() const; // until the deadline

private:
        void request_token();
        std::vector<HttpResponse> run(const std::vector<HttpRequest>& requests);

        Options options_;
        std::chrono::steady_clock::time_point deadline_;
        HttpClient http_;
        std::string token_;
};

} // namespace eks
