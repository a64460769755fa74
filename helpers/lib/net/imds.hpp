// SPDX-License-Identifier: Apache-2.0
// The EC2 instance metadata service, version 2 only: a token first, never a request without one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "net/http.hpp"

namespace eks {

// The addresses of the service, which every instance has, without a path.
inline constexpr std::string_view imds_ipv4_endpoint = "http://169.254.169.254";
inline constexpr std::string_view imds_ipv6_endpoint = "http://[fd00:ec2::254]";

// The endpoint: $EKS_IMDS_ENDPOINT, else $AWS_EC2_METADATA_SERVICE_ENDPOINT, else the address of the family
// in $AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE, which is IPv4 unless it is set. Throws Error (usage) if it is
// not an http URL, or the family is another.
std::string imds_endpoint();

// Whether $AWS_EC2_METADATA_DISABLED is true: the service must not be asked.
bool imds_is_disabled();

// The service is off, and will not come later: it must not be asked, it has refused to give a token, or the
// connection is refused again and again. Its kind is imds_refused with the first two, else imds_unreachable.
class ImdsOff : public Error {
public:
        using Error::Error;
};

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
                // Scheme and host, no path.
                std::string endpoint = std::string(imds_ipv4_endpoint);
                std::chrono::milliseconds timeout{30'000}; // for everything this client does
                // How long to repeat requests for Absence::soon_answer items; called only if one is absent.
                std::function<std::chrono::milliseconds()> patience = [] { return usual_patience; };
                std::function<void(const std::string&)> on_retry = [](const std::string&) {};
                // Is asked, too, if the endpoint does not answer at once. If it is empty: the usual IPv6
                // address beside the usual IPv4 address, unless the environment names a family; else none.
                std::string other_endpoint = {};
                // Whether refused connections mean that the service is off. At an endpoint that somebody has
                // configured, a program may listen later. Nothing: at the usual addresses only.
                std::optional<bool> refusal_means_off = {};
        };

        explicit ImdsClient(Options options);

        // The bodies of paths below /latest/ ("meta-data/mac"), fetched together over few connections;
        // nothing for a 404, which counts as an answer. Throws ImdsOff; Error: imds_unreachable at the
        // deadline, imds_refused if the service refuses a token, imds_answer for any other status.
        std::vector<std::optional<std::string>> fetch(const std::vector<std::string>& paths);

        // The same, but each item defines the meaning of a 404. Throws Error (imds_answer) at the deadline
        // for an absent item that every instance has.
        std::vector<std::optional<std::string>> wait_for(const std::vector<ImdsItem>& items);

        std::chrono::milliseconds time_left() const; // until the deadline

private:
        void request_token();
        HttpResponse ask_for_token();
        std::vector<HttpResponse> run(const std::vector<HttpRequest>& requests);
        Error unreachable(const HttpDeadline& e) const;

        Options options_;
        std::vector<std::string> endpoints_; // one, once it has answered
        std::chrono::steady_clock::time_point deadline_;
        HttpClient http_;
        std::string token_;
};

} // namespace eks
