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

// Where to ask: $EKS_IMDS_ENDPOINT, else $AWS_EC2_METADATA_SERVICE_ENDPOINT, else the usual address. Throws
// Error (usage) for what is not an http URL.
std::string imds_endpoint();

// What a 404 means for a path. Early in an instance's life the service answers so for what it does not know
// yet.
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
                // How long to ask again for what is Absence::soon_answer; called only when such a thing is
                // not there.
                std::function<std::chrono::milliseconds()> patience = [] { return usual_patience; };
                std::function<void(const std::string&)> on_retry = [](const std::string&) {};
        };

        explicit ImdsClient(Options options);

        // The bodies of paths below /latest/ ("meta-data/mac"), fetched together over few connections;
        // nothing where the service says 404, which is an answer. Throws Error: imds_unreachable at the
        // deadline, imds_refused if the service gives out no token, imds_answer for a status that means
        // neither.
        std::vector<std::optional<std::string>> fetch(const std::vector<std::string>& paths);

        // The same, but a 404 means what each item says. Throws Error (imds_answer) at the deadline for what
        // every instance has.
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
