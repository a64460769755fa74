// SPDX-License-Identifier: Apache-2.0
// Several small HTTP requests at once over few connections, retried against one deadline.
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
        std::string ca = {};                // PEM, of https: trusted instead of the system's store
};

struct HttpResponse {
        long status = 0;
        std::string body;
        std::map<std::string, std::string> headers; // names in lower case; trailers included
};

struct HttpOptions {
        std::chrono::milliseconds connect_timeout{1000}; // of one attempt
        std::chrono::milliseconds attempt_timeout{3000}; // of one attempt, connecting included
        std::chrono::milliseconds first_delay{50}; // before the second attempt; doubles up to max_delay
        std::chrono::milliseconds max_delay{1000};
        bool jitter = false;   // wait for a random part of each delay, at least half of it
        bool retry_429 = true; // otherwise that status is an answer, which the caller reads
        std::chrono::steady_clock::time_point deadline;
        // Called when an attempt failed and another follows, for `systemctl status`.
        std::function<void(const std::string&)> on_retry = [](const std::string&) {};
};

// How the last attempt at a request failed.
struct HttpFault {
        std::string text;       // "" if there was none
        std::string unresolved; // the name that no name server has resolved
        long status = 0;        // of an answer that is worth another attempt
        int error = 0;          // errno of a connection that could not be made, if that is known
};

// No answer by the deadline. Contains, for each failed request, the number of attempts and the last result.
class HttpDeadline : public std::exception {
public:
        explicit HttpDeadline(std::string what, HttpFault fault = {})
                : what_(std::move(what)), fault_(std::move(fault))
        {
        }
        const char* what() const noexcept override { return what_.c_str(); }
        const HttpFault& fault() const noexcept { return fault_; } // of the first such request

private:
        std::string what_;
        HttpFault fault_;
};

// A retry cannot help: a URL or proxy is malformed, or a certificate is not trusted.
class HttpUnusable : public std::exception {
public:
        explicit HttpUnusable(std::string what) : what_(std::move(what)) {}
        const char* what() const noexcept override { return what_.c_str(); }

private:
        std::string what_;
};

// One attempt at a request. It ends with a response, or with the reason of its failure.
struct HttpAttempt {
        const HttpRequest* request = nullptr;
        HttpResponse response;
        std::string failure;
        std::string unresolved;   // the name of a host or proxy that could not be resolved
        int error = 0;            // errno of a connection that could not be made, if that is known
        bool unconnected = false; // the address is known, and nothing there accepts a connection
        bool is_final = false;    // the next attempt would fail in the same way
        bool ended = false;
};

// Carries attempts over connections. It does not retry. Connections stay open between attempts.
class HttpTransport {
public:
        HttpTransport() = default;
        HttpTransport(const HttpTransport&) = delete;
        HttpTransport& operator=(const HttpTransport&) = delete;
        HttpTransport(HttpTransport&&) = delete;
        HttpTransport& operator=(HttpTransport&&) = delete;
        virtual ~HttpTransport() = default;

        // Begin an attempt, which must stay where it is until it has ended or is cancelled.
        virtual void start(HttpAttempt& attempt, std::chrono::milliseconds connect_timeout,
                std::chrono::milliseconds timeout) = 0;
        // Forget an attempt that has not ended.
        virtual void cancel(HttpAttempt& attempt) = 0;
        // Return when an attempt has ended or the time is up.
        virtual void wait(std::chrono::milliseconds time) = 0;
};

// Plain HTTP/1.1 to an address, without proxy and TLS, over at most four connections; on libevent. The
// instance metadata service needs no more, and loading libcurl costs a step 5 ms and 4 MiB.
std::unique_ptr<HttpTransport> plain_http();

// http and https URLs, through the proxy that the environment names (HTTPS_PROXY, NO_PROXY, …); on libcurl.
std::unique_ptr<HttpTransport> curl_http();

// How several requests race for one answer, the first of them with a head start.
struct HttpRace {
        // Before the second request starts. It starts earlier if the first one has failed.
        std::chrono::milliseconds head_start{250};
        // Whether an answer ends the race; otherwise another attempt follows it.
        std::function<bool(std::size_t request, const HttpResponse&)> wins;
        // Called after each attempt that failed. If it returns true, HttpDeadline is thrown at once.
        std::function<bool(std::size_t request, const HttpFault&)> is_hopeless;
};

struct HttpWinner {
        std::size_t request = 0;
        HttpResponse response;
};

class HttpClient {
public:
        explicit HttpClient(std::unique_ptr<HttpTransport> transport) : transport_(std::move(transport)) {}

        // The answers in the order of the requests. Transport errors, 5xx and, unless it is an answer, 429
        // are tried again until the deadline; every other status is an answer. Throws HttpDeadline,
        // HttpUnusable.
        std::vector<HttpResponse> fetch(
                const std::vector<HttpRequest>& requests, const HttpOptions& options);

        // The first answer to any of the requests. Throws as fetch().
        HttpWinner race(
                const std::vector<HttpRequest>& requests, const HttpOptions& options, const HttpRace& rules);

private:
        std::unique_ptr<HttpTransport> transport_;
};

} // namespace eks
