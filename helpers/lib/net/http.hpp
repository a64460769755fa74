// SPDX-License-Identifier: Apache-2.0
// Several small HTTP requests at once over few connections, retried against one deadline. On libcurl.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace eks {

struct HttpRequest {
        std::string method = "GET"; // GET, PUT or POST
        std::string url;
        std::vector<std::string> headers; // "Name: value"
        std::string body;
        std::size_t body_limit = 1U << 20U; // bytes of the answer; more is a failed attempt
        std::string unix_socket;            // connect here instead of to the URL's host
        bool http2 = false;                 // HTTP/2 without upgrade, as gRPC speaks it in the clear
        bool through_proxy = false; // one that the environment names: http_proxy, HTTPS_PROXY, NO_PROXY
};

struct HttpResponse {
        long status = 0;
        std::string body;
        std::map<std::string, std::string> headers; // names in lower case; trailers included
};

struct HttpOptions {
        long max_connections = 4;
        std::chrono::milliseconds connect_timeout{1000}; // of one attempt
        std::chrono::milliseconds attempt_timeout{3000}; // of one attempt, connecting included
        std::chrono::milliseconds first_delay{50}; // before the second attempt; doubles up to max_delay
        std::chrono::milliseconds max_delay{1000};
        std::chrono::steady_clock::time_point deadline;
        // Called when an attempt failed and another follows, for `systemctl status`.
        std::function<void(const std::string&)> on_retry = [](const std::string&) {};
};

// No answer by the deadline. Holds, for each request that failed, how often it was tried and what came last.
class HttpDeadline : public std::exception {
public:
        explicit HttpDeadline(std::string what) : what_(std::move(what)) {}
        const char* what() const noexcept override { return what_.c_str(); }

private:
        std::string what_;
};

// Connections stay open between calls, so that one client serves a whole conversation.
class HttpClient {
public:
        HttpClient();
        HttpClient(const HttpClient&) = delete;
        HttpClient& operator=(const HttpClient&) = delete;
        HttpClient(HttpClient&&) = delete;
        HttpClient& operator=(HttpClient&&) = delete;
        ~HttpClient();

        // The answers in the order of the requests. Transport errors, 429 and 5xx are tried again until the
        // deadline; every other status is an answer. Throws HttpDeadline.
        std::vector<HttpResponse> fetch(
                const std::vector<HttpRequest>& requests, const HttpOptions& options);

private:
        struct Transfer;
        struct State;
        std::unique_ptr<State> state_;
};

} // namespace eks
