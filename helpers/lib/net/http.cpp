// SPDX-License-Identifier: Apache-2.0
#include "net/http.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace eks {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// One request on its way to an answer, through as many attempts as it takes.
struct HttpClient::Transfer {
        const HttpRequest* request = nullptr;
        HttpResponse response;
        std::unique_ptr<CURL, Deleter<curl_easy_cleanup>> easy;
        std::unique_ptr<curl_slist, Deleter<curl_slist_free_all>> headers;
        std::array<char, CURL_ERROR_SIZE> error{};
        Clock::time_point start_at; // of the next attempt
        milliseconds delay{0};
        unsigned attempts = 0;
        bool running = false;
        bool done = false;
        std::string last_failure;

        static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self)
        {
                auto& transfer = *static_cast<Transfer*>(self);
                if (transfer.response.body.size() + size * count > transfer.request->body_limit)
                        return 0; // libcurl reports a write error
                transfer.response.body.append(data, size * count);
                return size * count;
        }

        static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self)
        {
                const std::string_view line(data, size * count);
                if (const auto colon = line.find(':'); colon != line.npos) {
                        std::string name(line.substr(0, colon));
                        std::ranges::transform(
                                name, name.begin(), [](unsigned char c) { return std::tolower(c); });
                        static_cast<Transfer*>(self)->response.headers[name] = trim(line.substr(colon + 1));
                }
                return size * count;
        }
};

struct HttpClient::State {
        std::unique_ptr<CURLM, Deleter<curl_multi_cleanup>> multi{curl_multi_init()};
};

namespace {

template <typename T>
void set(CURL* easy, CURLoption option, T value)
{
        // The only failures here are those of memory or of an option that this libcurl was built without.
        if (const auto code = ::curl_easy_setopt(easy, option, value); code != CURLE_OK)
                throw std::runtime_error(curl_easy_strerror(code));
}

bool worth_another_try(long status)
{
        return status == 429 || status >= 500;
}

long count(milliseconds time)
{
        return std::max<long>(1, time.count());
}

} // namespace

// libcurl's global state; it sets up TLS by itself since 7.57.
HttpClient::HttpClient()
{
        ::curl_global_init(CURL_GLOBAL_NOTHING);
        state_ = std::make_unique<State>();
}

HttpClient::~HttpClient()
{
        state_.reset();
        ::curl_global_cleanup();
}

std::vector<HttpResponse> HttpClient::fetch(
        const std::vector<HttpRequest>& requests, const HttpOptions& options)
{
        auto* multi = state_->multi.get();
        ::curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, options.max_connections);

        std::vector<Transfer> transfers(requests.size());
        // Handles must leave the multi handle before they are freed, whichever way this function is left.
        struct Detach {
                CURLM* multi;
                std::vector<Transfer>* transfers;
                ~Detach()
                {
                        for (auto& transfer : *transfers)
                                if (transfer.running)
                                        ::curl_multi_remove_handle(multi, transfer.easy.get());
                }
        } const detach{multi, &transfers};

        for (std::size_t i = 0; i < requests.size(); ++i) {
                auto& transfer = transfers[i];
                const auto& request = requests[i];
                transfer.request = &request;
                transfer.delay = options.first_delay;
                transfer.easy.reset(::curl_easy_init());
                auto* easy = transfer.easy.get();
                set(easy, CURLOPT_PRIVATE, &transfer);
                set(easy, CURLOPT_URL, request.url.c_str());
                // Link-local and unix sockets: a proxy from the environment is wrong.
                if (!request.through_proxy)
                        set(easy, CURLOPT_PROXY, "");
                set(easy, CURLOPT_NOSIGNAL, 1L);
                set(easy, CURLOPT_TCP_NODELAY, 1L);
                set(easy, CURLOPT_ERRORBUFFER, transfer.error.data());
                set(easy, CURLOPT_CONNECTTIMEOUT_MS, count(options.connect_timeout));
                set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
                set(easy, CURLOPT_WRITEDATA, &transfer);
                set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
                set(easy, CURLOPT_HEADERDATA, &transfer);
                if (request.method != "GET") {
                        set(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
                        set(easy, CURLOPT_POSTFIELDS, request.body.data());
                        set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
                }
                if (!request.unix_socket.empty())
                        set(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
                set(easy, CURLOPT_HTTP_VERSION,
                        static_cast<long>(request.http2 ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                                                        : CURL_HTTP_VERSION_1_1));
                if (request.http2) {
                        // libcurl 7.88 fails with "framing layer" on the second request of a kept connection
                        // whose peer ended the first one early, as gRPC does with errors. A local connection
                        // costs nothing.
                        set(easy, CURLOPT_FRESH_CONNECT, 1L);
                        set(easy, CURLOPT_FORBID_REUSE, 1L);
                }
                for (const auto& header : request.headers)
                        transfer.headers.reset(
                                ::curl_slist_append(transfer.headers.release(), header.c_str()));
                set(easy, CURLOPT_HTTPHEADER, transfer.headers.get());
        }

        const auto give_up = [&] {
                std::vector<std::string> failures;
                for (const auto& transfer : transfers)
                        if (!transfer.done)
                                failures.push_back(fmt::format("{} {}: tried {} {}, {}",
                                        transfer.request->method, transfer.request->url, transfer.attempts,
                                        transfer.attempts == 1 ? "time" : "times",
                                        transfer.last_failure.empty() ? "no answer"
                                                                      : "last " + transfer.last_failure));
                throw HttpDeadline(join(failures, "; "));
        };
        const auto finish = [&](Transfer& transfer, CURLcode result) {
                transfer.running = false;
                ::curl_multi_remove_handle(multi, transfer.easy.get());
                ::curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &transfer.response.status);
                if (result == CURLE_OK && !worth_another_try(transfer.response.status)) {
                        transfer.done = true;
                        return;
                }
                transfer.last_failure = result == CURLE_OK
                                                ? fmt::format("status {}", transfer.response.status)
                                        : transfer.error[0] != '\0' ? std::string(transfer.error.data())
                                                                    : curl_easy_strerror(result);
                transfer.start_at = Clock::now() + transfer.delay;
                transfer.delay = std::min(transfer.delay * 2, options.max_delay);
                options.on_retry(fmt::format("{} {}: {} (attempt {})", transfer.request->method,
                        transfer.request->url, transfer.last_failure, transfer.attempts));
        };

        for (;;) {
                const auto now = Clock::now();
                const auto left = std::chrono::duration_cast<milliseconds>(options.deadline - now);
                const auto pending = std::ranges::count_if(transfers, [](const auto& t) { return !t.done; });
                if (pending == 0)
                        break;
                if (left <= milliseconds(0))
                        give_up();
                auto wait = left;
                for (auto& transfer : transfers) {
                        if (transfer.done || transfer.running)
                                continue;
                        if (transfer.start_at > now) {
                                wait = std::min(
                                        wait, std::chrono::ceil<milliseconds>(transfer.start_at - now));
                                continue;
                        }
                        transfer.response = {};
                        transfer.error[0] = '\0';
                        ++transfer.attempts;
                        set(transfer.easy.get(), CURLOPT_TIMEOUT_MS,
                                count(std::min(options.attempt_timeout, left)));
                        ::curl_multi_add_handle(multi, transfer.easy.get());
                        transfer.running = true;
                }
                int running = 0;
                ::curl_multi_perform(multi, &running);
                bool finished = false;
                int remaining = 0;
                while (const CURLMsg* message = ::curl_multi_info_read(multi, &remaining)) {
                        if (message->msg != CURLMSG_DONE)
                                continue;
                        Transfer* transfer = nullptr;
                        ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
                        finish(*transfer, message->data.result);
                        finished = true;
                }
                if (!finished)
                        ::curl_multi_poll(multi, nullptr, 0, static_cast<int>(count(wait)), nullptr);
        }

        std::vector<HttpResponse> responses;
        responses.reserve(transfers.size());
        for (auto& transfer : transfers)
                responses.push_back(std::move(transfer.response));
        return responses;
}

} // namespace eks
