// SPDX-License-Identifier: Apache-2.0
#include "net/http.hpp"

#include <algorithm>
#include <array>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"

namespace eks {

using std::chrono::milliseconds;

namespace {

constexpr long most_connections = 4;

template <typename T>
void set(CURL* easy, CURLoption option, T value)
{
        // It can fail only without memory, or for an option that this libcurl was built without.
        if (const auto code = ::curl_easy_setopt(easy, option, value); code != CURLE_OK)
                throw std::runtime_error(curl_easy_strerror(code));
}

long count(milliseconds time)
{
        return std::max<long>(1, time.count());
}

constexpr std::string_view bad_proxy = "Unsupported proxy syntax"; // libcurl's text; the proxy follows

// Before the clock is set, at boot, a good certificate may seem expired or not valid yet.
bool may_be_the_clock(CURL* easy)
{
        constexpr long not_yet_valid = 9; // X509_V_ERR_CERT_NOT_YET_VALID
        constexpr long has_expired = 10;  // X509_V_ERR_CERT_HAS_EXPIRED
        long result = 0;
        ::curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &result);
        return result == not_yet_valid || result == has_expired;
}

// The status with which a proxy refused to connect us, as without its login; 0 if it did not.
long refused_by_proxy(CURL* easy)
{
        long status = 0;
        ::curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
        return status == 401 || status == 403 || status == 407 ? status : 0;
}

// Whether the next attempt would fail in the same way.
bool is_final(CURL* easy, CURLcode result, std::string_view error)
{
        if (refused_by_proxy(easy) != 0)
                return true;
        switch (result) {
        case CURLE_URL_MALFORMAT:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_ISSUER_ERROR:
                return true;
        case CURLE_PEER_FAILED_VERIFICATION:
                return !may_be_the_clock(easy);
        case CURLE_UNSUPPORTED_PROTOCOL: // also of an answer that is not HTTP
                return error.starts_with("Protocol ");
        case CURLE_COULDNT_RESOLVE_PROXY:
                return error.starts_with(bad_proxy);
        default:
                return false;
        }
}

std::string words_for(CURL* easy, CURLcode result, std::string_view error)
{
        if (const auto status = refused_by_proxy(easy); status != 0)
                return fmt::format("the proxy refuses it with status {}", status);
        if (error.starts_with(bad_proxy))
                return "the proxy that the environment names is malformed";
        return error.empty() ? curl_easy_strerror(result) : hide_secrets(error);
}

// The name of a host or proxy that could not be resolved; "" if that was not what failed.
std::string unresolved_name(CURLcode result, std::string_view error, std::string_view url)
{
        if (result == CURLE_COULDNT_RESOLVE_HOST || result == CURLE_COULDNT_RESOLVE_PROXY) {
                const auto colon =
                        error.rfind(": "); // "Could not resolve host: eks.us-west-2.amazonaws.com"
                if (colon != error.npos)
                        return std::string(trim(error.substr(colon + 2)));
        } else if (result != CURLE_OPERATION_TIMEDOUT || !error.starts_with("Resolving timed out")) {
                return {};
        }

        const auto slashes = url.find("//");
        const auto begin = slashes == url.npos ? 0 : slashes + 2;

        return std::string(url.substr(begin, url.find_first_of(":/?", begin) - begin));
}

bool is_unconnected(CURL* easy, CURLcode result)
{
        curl_off_t connected = 0; // microseconds
        ::curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
        return result == CURLE_COULDNT_CONNECT || (result == CURLE_OPERATION_TIMEDOUT && connected == 0);
}

std::size_t on_body(char* data, std::size_t size, std::size_t items, void* self)
{
        auto& attempt = *static_cast<HttpAttempt*>(self);
        if (attempt.response.body.size() + size * items > attempt.request->body_limit)
                return 0; // libcurl reports a write error
        attempt.response.body.append(data, size * items);
        return size * items;
}

std::size_t on_header(char* data, std::size_t size, std::size_t items, void* self)
{
        const std::string_view line(data, size * items);
        if (const auto colon = line.find(':'); colon != line.npos)
                static_cast<HttpAttempt*>(self)->response.headers[lower(line.substr(0, colon))] =
                        trim(line.substr(colon + 1));
        return size * items;
}

// An attempt with what libcurl keeps of it.
struct Running {
        HttpAttempt* attempt;
        std::unique_ptr<CURL, Deleter<curl_easy_cleanup>> easy{::curl_easy_init()};
        std::unique_ptr<curl_slist, Deleter<curl_slist_free_all>> headers;
        std::array<char, CURL_ERROR_SIZE> error{};

        explicit Running(HttpAttempt& of) : attempt(&of) {}

        void configure(milliseconds connect_timeout, milliseconds timeout)
        {
                const auto& request = *attempt->request;
                set(easy.get(), CURLOPT_PRIVATE, attempt);
                set(easy.get(), CURLOPT_URL, request.url.c_str());
                set(easy.get(), CURLOPT_NOSIGNAL, 1L);
                set(easy.get(), CURLOPT_ERRORBUFFER, error.data());
                set(easy.get(), CURLOPT_CONNECTTIMEOUT_MS, count(connect_timeout));
                set(easy.get(), CURLOPT_TIMEOUT_MS, count(timeout));
                set(easy.get(), CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
                set(easy.get(), CURLOPT_WRITEFUNCTION, &on_body);
                set(easy.get(), CURLOPT_WRITEDATA, attempt);
                set(easy.get(), CURLOPT_HEADERFUNCTION, &on_header);
                set(easy.get(), CURLOPT_HEADERDATA, attempt);

                if (!request.ca.empty()) {
                        curl_blob blob{
                                .data = const_cast<char*>(request.ca.data()), // NOLINT: it is only read
                                .len = request.ca.size(),
                                .flags = CURL_BLOB_NOCOPY};
                        set(easy.get(), CURLOPT_CAINFO_BLOB, &blob);
                }

                if (request.method != "GET") {
                        set(easy.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
                        set(easy.get(), CURLOPT_POSTFIELDS, request.body.data());
                        set(easy.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
                }

                for (const auto& header : request.headers)
                        headers.reset(::curl_slist_append(headers.release(), header.c_str()));
                set(easy.get(), CURLOPT_HTTPHEADER, headers.get());
        }
};

class CurlHttp final : public HttpTransport {
public:
        // libcurl's global state; it sets up TLS by itself since 7.57.
        CurlHttp()
        {
                ::curl_global_init(CURL_GLOBAL_NOTHING);
                multi_.reset(::curl_multi_init());
                ::curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, most_connections);
        }

        CurlHttp(const CurlHttp&) = delete;
        CurlHttp& operator=(const CurlHttp&) = delete;
        CurlHttp(CurlHttp&&) = delete;
        CurlHttp& operator=(CurlHttp&&) = delete;

        ~CurlHttp() override
        {
                for (auto& running : running_)
                        ::curl_multi_remove_handle(multi_.get(), running->easy.get());
                running_.clear();
                multi_.reset();
                ::curl_global_cleanup();
        }

        void start(HttpAttempt& attempt, milliseconds connect_timeout, milliseconds timeout) override
        {
                auto running = std::make_unique<Running>(attempt);
                running->configure(connect_timeout, timeout);
                ::curl_multi_add_handle(multi_.get(), running->easy.get());
                running_.push_back(std::move(running));
        }

        void cancel(HttpAttempt& attempt) override
        {
                const auto found = std::ranges::find(running_, &attempt, [](auto& r) { return r->attempt; });
                ::curl_multi_remove_handle(multi_.get(), (*found)->easy.get());
                running_.erase(found);
        }

        void wait(milliseconds time) override
        {
                int running = 0;
                ::curl_multi_perform(multi_.get(), &running);

                if (finish())
                        return;

                ::curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(count(time)), nullptr);
                ::curl_multi_perform(multi_.get(), &running);
                finish();
        }

private:
        // Whether any attempt has ended.
        bool finish()
        {
                bool any = false;
                int remaining = 0;
                while (const CURLMsg* message = ::curl_multi_info_read(multi_.get(), &remaining)) {
                        if (message->msg != CURLMSG_DONE)
                                continue;

                        const auto result = message->data.result;
                        HttpAttempt* attempt = nullptr;
                        ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &attempt);
                        ::curl_easy_getinfo(
                                message->easy_handle, CURLINFO_RESPONSE_CODE, &attempt->response.status);
                        const auto found =
                                std::ranges::find(running_, attempt, [](auto& r) { return r->attempt; });

                        if (result != CURLE_OK) {
                                const std::string_view error = (*found)->error.data();
                                attempt->failure = words_for(message->easy_handle, result, error);
                                attempt->is_final = is_final(message->easy_handle, result, error);
                                attempt->unresolved = unresolved_name(result, error, attempt->request->url);
                                attempt->unconnected = attempt->unresolved.empty() &&
                                                       is_unconnected(message->easy_handle, result);
                        }

                        attempt->ended = true;
                        cancel(*attempt);
                        any = true;
                }

                return any;
        }

        std::unique_ptr<CURLM, Deleter<curl_multi_cleanup>> multi_;
        std::vector<std::unique_ptr<Running>> running_;
};

} // namespace

std::unique_ptr<HttpTransport> curl_http()
{
        return std::make_unique<CurlHttp>();
}

} // namespace eks
