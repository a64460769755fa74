// SPDX-License-Identifier: Apache-2.0
#include "net/http.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace eks {

using std::chrono::milliseconds;

namespace {

constexpr std::size_t most_connections = 4;
constexpr ev_ssize_t most_header_bytes = 64 << 10;
constexpr std::uint16_t http_port = 80;

// In the words of the error, and with its cause in the network if they do not tell.
std::string cannot_connect(int error)
{
        const char* cause = error == EACCES || error == EPERM
                                    ? " (a route or firewall rule of this machine prohibits it)"
                            : error == EINVAL ? " (a route of the type blackhole)"
                                              : "";
        return fmt::format("cannot connect: {}{}", std::strerror(error), cause);
}

timeval interval(milliseconds time)
{
        const auto whole = std::max<long>(1, time.count());
        return {.tv_sec = whole / 1000, .tv_usec = whole % 1000 * 1000};
}

// An attempt and its destination.
struct Job {
        HttpAttempt* attempt;
        std::string host; // an address, without the brackets that a URL puts around IPv6
        std::uint16_t port = http_port;
        std::string target; // path and query
        milliseconds connect_timeout;
        milliseconds timeout;
};

// One connection, and its attempt if it has one.
class Connection {
public:
        Connection(event_base* base, const Job& job)
                : host_(job.host), port_(job.port),
                  connection_(::evhttp_connection_base_new(base, nullptr, host_.c_str(), port_)),
                  connect_timer_(event_new(base, -1, 0, &Connection::on_connect_timer, this)),
                  timer_(event_new(base, -1, 0, &Connection::on_timer, this))
        {
                ::evhttp_connection_set_retries(connection_.get(), 0);
                ::evhttp_connection_set_max_headers_size(connection_.get(), most_header_bytes);
        }

        bool leads_to(const Job& job) const { return host_ == job.host && port_ == job.port; }
        bool idle() const { return attempt_ == nullptr; }
        bool carries(const HttpAttempt& attempt) const { return attempt_ == &attempt; }

        void start(const Job& job)
        {
                attempt_ = job.attempt;
                failure_.clear();
                connect_error_ = 0;
                const auto& asked = *attempt_->request;
                ::evhttp_connection_set_max_body_size(
                        connection_.get(), static_cast<ev_ssize_t>(asked.body_limit));
                request_ = ::evhttp_request_new(&Connection::on_end, this);
                ::evhttp_request_set_error_cb(request_, &Connection::on_error);
                auto* headers = ::evhttp_request_get_output_headers(request_);
                ::evhttp_add_header(headers, "Host", authority().c_str());

                for (const auto& header : asked.headers) {
                        const auto colon = header.find(':');
                        ::evhttp_add_header(headers, header.substr(0, colon).c_str(),
                                std::string(trim(std::string_view(header).substr(colon + 1))).c_str());
                }

                ::evbuffer_add(
                        ::evhttp_request_get_output_buffer(request_), asked.body.data(), asked.body.size());
                const auto connect_timeout = interval(job.connect_timeout);
                event_add(connect_timer_.get(), &connect_timeout);
                const auto timeout = interval(job.timeout);
                event_add(timer_.get(), &timeout);
                const auto method = asked.method == "PUT"    ? EVHTTP_REQ_PUT
                                    : asked.method == "POST" ? EVHTTP_REQ_POST
                                                             : EVHTTP_REQ_GET;

                // Frees the request if it fails. on_end has been called then, and also if there is no route.
                starting_ = true;
                const bool started =
                        ::evhttp_make_request(connection_.get(), request_, method, job.target.c_str()) == 0;
                starting_ = false;
                if (attempt_ != nullptr && !started)
                        end("cannot connect");
                else if (attempt_ != nullptr && !connected())
                        watch_connecting();
        }

        // Drop the attempt without ending it.
        void cancel()
        {
                attempt_ = nullptr;
                stop_timers();
                if (request_ != nullptr)
                        ::evhttp_cancel_request(std::exchange(request_, nullptr));
        }

private:
        static Connection& self(void* pointer) { return *static_cast<Connection*>(pointer); }

        std::string authority() const
        {
                const auto host = host_.find(':') == host_.npos ? host_ : fmt::format("[{}]", host_);
                return port_ == http_port ? host : fmt::format("{}:{}", host, port_);
        }

        // libevent shuts a socket down before it reports that it could not connect, and errno is then of
        // that. While it connects, its only callback is the one for events.
        void watch_connecting()
        {
                auto* buffer = ::evhttp_connection_get_bufferevent(connection_.get());
                bufferevent_data_cb on_read = nullptr;
                bufferevent_data_cb on_write = nullptr;
                ::bufferevent_getcb(buffer, &on_read, &on_write, &libevents_on_event_, &libevents_argument_);
                if (on_read == nullptr && on_write == nullptr && libevents_on_event_ != nullptr)
                        ::bufferevent_setcb(buffer, nullptr, nullptr, &Connection::on_event, this);
        }

        static void on_event(bufferevent* buffer, short what, void* pointer)
        {
                auto& connection = self(pointer);
                if ((what & BEV_EVENT_ERROR) != 0)
                        connection.connect_error_ = errno;
                connection.libevents_on_event_(buffer, what, connection.libevents_argument_);
        }

        void stop_timers()
        {
                event_del(connect_timer_.get());
                event_del(timer_.get());
        }

        void end(std::string failure)
        {
                stop_timers();
                request_ = nullptr; // libevent frees it
                auto* attempt = std::exchange(attempt_, nullptr);
                attempt->failure = std::move(failure);
                attempt->ended = true;
        }

        bool connected() const
        {
                sockaddr_storage peer{};
                socklen_t size = sizeof peer;
                return ::getpeername(
                               bufferevent_getfd(::evhttp_connection_get_bufferevent(connection_.get())),
                               reinterpret_cast<sockaddr*>(&peer), &size) == 0;
        }

        void give_up(std::string failure)
        {
                // The callback of a cancelled request is not called.
                auto* request = std::exchange(request_, nullptr);
                end(std::move(failure));
                ::evhttp_cancel_request(request);
        }

        static void on_connect_timer(evutil_socket_t, short, void* pointer)
        {
                if (!self(pointer).connected())
                        self(pointer).give_up("connecting timed out");
        }

        static void on_timer(evutil_socket_t, short, void* pointer) { self(pointer).give_up("timed out"); }

        static void on_error(evhttp_request_error error, void* pointer)
        {
                self(pointer).failure_ = error == EVREQ_HTTP_TIMEOUT          ? "timed out"
                                         : error == EVREQ_HTTP_EOF            ? "the connection was closed"
                                         : error == EVREQ_HTTP_INVALID_HEADER ? "the answer is not HTTP"
                                         : error == EVREQ_HTTP_DATA_TOO_LONG  ? "the answer is too long"
                                                                              : "the connection broke";
        }

        static void on_end(evhttp_request* request, void* pointer)
        {
                const int last_error = errno;
                auto& connection = self(pointer);
                if (connection.attempt_ == nullptr)
                        return;

                if (request == nullptr || ::evhttp_request_get_response_code(request) == 0) {
                        const int error = connection.starting_ ? last_error : connection.connect_error_;
                        connection.attempt_->error = error;
                        connection.end(error != 0                    ? cannot_connect(error)
                                       : connection.failure_.empty() ? "cannot connect"
                                                                     : connection.failure_);
                        return;
                }

                auto& response = connection.attempt_->response;
                response.status = ::evhttp_request_get_response_code(request);

                const auto* headers = ::evhttp_request_get_input_headers(request);
                for (const evkeyval* header = headers->tqh_first; header != nullptr;
                        header = header->next.tqe_next) {
                        response.headers[lower(header->key)] = header->value;
                }

                auto* body = ::evhttp_request_get_input_buffer(request);
                response.body.resize(::evbuffer_get_length(body));
                ::evbuffer_remove(body, response.body.data(), response.body.size());

                if (response.body.size() > connection.attempt_->request->body_limit)
                        connection.failure_ = "the answer is too long";
                connection.end(connection.failure_);
        }

        std::string host_;
        std::uint16_t port_;
        std::unique_ptr<evhttp_connection, Deleter<evhttp_connection_free>> connection_;
        std::unique_ptr<event, Deleter<event_free>> connect_timer_;
        std::unique_ptr<event, Deleter<event_free>> timer_;
        HttpAttempt* attempt_ = nullptr;
        evhttp_request* request_ = nullptr;
        std::string failure_;
        int connect_error_ = 0;
        bool starting_ = false;
        bufferevent_event_cb libevents_on_event_ = nullptr;
        void* libevents_argument_ = nullptr;
};

class PlainHttp final : public HttpTransport {
public:
        void start(HttpAttempt& attempt, milliseconds connect_timeout, milliseconds timeout) override
        {
                const std::unique_ptr<evhttp_uri, Deleter<evhttp_uri_free>> url(
                        ::evhttp_uri_parse_with_flags(
                                attempt.request->url.c_str(), EVHTTP_URI_NONCONFORMANT));

                const char* scheme = url ? ::evhttp_uri_get_scheme(url.get()) : nullptr;
                const char* host = url ? ::evhttp_uri_get_host(url.get()) : nullptr;
                if (scheme == nullptr || std::strcmp(scheme, "http") != 0 || host == nullptr ||
                        *host == '\0') {
                        attempt.failure = "not an http URL";
                        attempt.ended = true;
                        ended_at_once_ = true;
                        return;
                }

                Job job{.attempt = &attempt,
                        .host = host,
                        .target = ::evhttp_uri_get_path(url.get()),
                        .connect_timeout = connect_timeout,
                        .timeout = timeout};
                if (job.host.starts_with('[') && job.host.ends_with(']'))
                        job.host = job.host.substr(1, job.host.size() - 2);
                if (const int port = ::evhttp_uri_get_port(url.get()); port > 0)
                        job.port = static_cast<std::uint16_t>(port);
                if (job.target.empty())
                        job.target = "/";
                if (const char* query = ::evhttp_uri_get_query(url.get()); query != nullptr)
                        job.target += fmt::format("?{}", query);
                waiting_.push_back(std::move(job));
                dispatch();
        }

        void cancel(HttpAttempt& attempt) override
        {
                std::erase_if(waiting_, [&](const Job& job) { return job.attempt == &attempt; });
                for (auto& connection : connections_)
                        if (connection->carries(attempt))
                                connection->cancel();
        }

        void wait(milliseconds time) override
        {
                if (std::exchange(ended_at_once_, false))
                        return;

                const auto until = interval(time);
                event_add(timer_.get(), &until);

                // Handles pending events and returns; the caller checks its attempts.
                ::event_base_loop(base_.get(), EVLOOP_ONCE);
                event_del(timer_.get());
                dispatch();
        }

private:
        void dispatch()
        {
                while (!waiting_.empty()) {
                        auto* connection = free_connection(waiting_.front());
                        if (connection == nullptr)
                                return;

                        const auto job = std::move(waiting_.front());
                        waiting_.pop_front();
                        connection->start(job);
                        ended_at_once_ |= job.attempt->ended;
                }
        }

        Connection* free_connection(const Job& job)
        {
                for (auto& connection : connections_)
                        if (connection->idle() && connection->leads_to(job))
                                return connection.get();

                if (connections_.size() == most_connections) {
                        const auto other = std::ranges::find_if(connections_, &Connection::idle);
                        if (other == connections_.end())
                                return nullptr;
                        connections_.erase(other);
                }

                connections_.push_back(std::make_unique<Connection>(base_.get(), job));
                return connections_.back().get();
        }

        // The order matters: connections and events go before their base.
        std::unique_ptr<event_base, Deleter<event_base_free>> base_{::event_base_new()};
        std::unique_ptr<event, Deleter<event_free>> timer_{event_new(
                base_.get(), -1, 0, [](evutil_socket_t, short, void*) {}, nullptr)};
        std::vector<std::unique_ptr<Connection>> connections_;
        std::deque<Job> waiting_;
        bool ended_at_once_ = false;
};

} // namespace

std::unique_ptr<HttpTransport> plain_http()
{
        return std::make_unique<PlainHttp>();
}

} // namespace eks
