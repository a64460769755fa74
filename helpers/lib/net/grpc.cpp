// SPDX-License-Identifier: Apache-2.0
#include "net/grpc.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>

#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t frame_header = 5; // a flag byte and the length, big endian
constexpr milliseconds first_delay = 50ms;
constexpr milliseconds max_delay = 1s;

// A failure that may not occur with another connection.
struct Broken : std::runtime_error {
        using runtime_error::runtime_error;
};

std::string framed(const std::string& message)
{
        std::string frame(1, '\0'); // not compressed
        for (const unsigned shift : {24U, 16U, 8U, 0U})
                frame += static_cast<char>(static_cast<unsigned char>(message.size() >> shift));
        return frame + message;
}

// gRPC percent-encodes characters of its messages that are not printable ASCII.
std::string percent_decoded(std::string_view text)
{
        std::string plain;
        for (std::size_t i = 0; i < text.size(); ++i) {
                if (text[i] == '%' && i + 2 < text.size())
                        if (const auto byte = parse_int<unsigned>(text.substr(i + 1, 2), 16)) {
                                plain += static_cast<char>(*byte);
                                i += 2;
                                continue;
                        }
                plain += text[i];
        }

        return plain;
}

UniqueFd connect_to(const std::string& path)
{
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        if (path.size() >= sizeof address.sun_path)
                throw GrpcError("the path of the socket is too long");

        std::ranges::copy(path, address.sun_path);
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
                throw Broken(fmt::format("cannot connect: {}", std::strerror(errno)));

        return fd;
}

// One HTTP/2 session with the one stream of the call.
class Session {
public:
        Session(const GrpcCall& call, UniqueFd fd)
                : fd_(std::move(fd)), request_(framed(call.message)),
                  limit_(call.answer_limit + frame_header)
        {
                nghttp2_session_callbacks* raw_callbacks = nullptr;
                ::nghttp2_session_callbacks_new(&raw_callbacks);
                const std::unique_ptr<nghttp2_session_callbacks, Deleter<nghttp2_session_callbacks_del>>
                        callbacks(raw_callbacks);
                ::nghttp2_session_callbacks_set_on_header_callback(raw_callbacks, &Session::on_header);
                ::nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
                        raw_callbacks, &Session::on_data);
                ::nghttp2_session_callbacks_set_on_stream_close_callback(raw_callbacks, &Session::on_close);
                nghttp2_session* raw = nullptr;
                ::nghttp2_session_client_new(&raw, raw_callbacks, this);
                session_.reset(raw);
                ::nghttp2_submit_settings(raw, NGHTTP2_FLAG_NONE, nullptr, 0);
                submit(call);
        }

        GrpcReply run(Clock::time_point deadline)
        {
                while (!closed_) {
                        send(deadline);
                        receive(deadline);
                }

                const auto status = parse_int<int>(headers_["grpc-status"]);
                if (headers_[":status"] != "200" || !status)
                        throw GrpcError(fmt::format(
                                "gave an answer that is not gRPC (status {})", headers_[":status"]));

                if (body_.size() >= frame_header)
                        body_.erase(0, frame_header);

                return {*status, percent_decoded(headers_["grpc-message"]), std::move(body_)};
        }

private:
        static Session& self(void* pointer) { return *static_cast<Session*>(pointer); }

        void submit(const GrpcCall& call)
        {
                const auto path = "/" + call.method;
                std::vector<std::pair<std::string_view, std::string_view>> fields{{":method", "POST"},
                        {":scheme", "http"}, {":path", path}, {":authority", "localhost"},
                        {"content-type", "application/grpc"}, {"te", "trailers"}};
                fields.insert(fields.end(), call.metadata.begin(), call.metadata.end());
                std::vector<nghttp2_nv> entries;
                const auto bytes = [](std::string_view text) {
                        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
                };

                for (const auto& [name, value] : fields)
                        entries.push_back({bytes(name), bytes(value), name.size(), value.size(),
                                NGHTTP2_NV_FLAG_NONE});
                const nghttp2_data_provider body{
                        .source = {.ptr = this}, .read_callback = &Session::on_read};
                ::nghttp2_submit_request(
                        session_.get(), nullptr, entries.data(), entries.size(), &body, nullptr);
        }

        // Wait until the socket is ready for `events`.
        void wait(short events, Clock::time_point deadline) const
        {
                pollfd poll{.fd = fd_.get(), .events = events, .revents = 0};
                const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
                if (left <= 0ms || ::poll(&poll, 1, static_cast<int>(left.count())) == 0)
                        throw GrpcError("did not answer in time");
        }

        void send(Clock::time_point deadline)
        {
                const std::uint8_t* data = nullptr;
                for (auto size = ::nghttp2_session_mem_send(session_.get(), &data); size != 0;
                        size = ::nghttp2_session_mem_send(session_.get(), &data)) {
                        if (size < 0)
                                throw GrpcError(::nghttp2_strerror(static_cast<int>(size)));
                        while (size > 0) {
                                const auto n = ::send(
                                        fd_.get(), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
                                if (n < 0 && errno != EAGAIN && errno != EINTR)
                                        throw Broken(fmt::format(
                                                "the connection broke: {}", std::strerror(errno)));
                                if (n < 0) {
                                        wait(POLLOUT, deadline);
                                        continue;
                                }
                                data += n;
                                size -= n;
                        }
                }
        }

        void receive(Clock::time_point deadline)
        {
                wait(POLLIN, deadline);
                std::array<std::uint8_t, 64U << 10U> buffer{};

                const auto n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0)
                        throw Broken(n == 0 ? "the connection was closed"
                                            : fmt::format("the connection broke: {}", std::strerror(errno)));
                if (const auto used = ::nghttp2_session_mem_recv(
                            session_.get(), buffer.data(), static_cast<std::size_t>(n));
                        used < 0)
                        throw GrpcError(too_long_ ? "gave an answer that is too long"
                                                  : fmt::format("gave an answer that is not gRPC: {}",
                                                            ::nghttp2_strerror(static_cast<int>(used))));
        }

        static ssize_t on_read(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t size,
                std::uint32_t* flags, nghttp2_data_source* source, void*)
        {
                auto& session = self(source->ptr);
                const auto part = std::min(size, session.request_.size() - session.sent_);
                std::memcpy(buffer, session.request_.data() + session.sent_, part);
                session.sent_ += part;

                if (session.sent_ == session.request_.size())
                        *flags |= NGHTTP2_DATA_FLAG_EOF;
                return static_cast<ssize_t>(part);
        }

        static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                void* pointer)
        {
                self(pointer).headers_[std::string(reinterpret_cast<const char*>(name), name_size)] =
                        std::string(reinterpret_cast<const char*>(value), value_size);
                return 0;
        }

        static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* data,
                std::size_t size, void* pointer)
        {
                auto& session = self(pointer);
                session.too_long_ = session.body_.size() + size > session.limit_;
                if (session.too_long_)
                        return NGHTTP2_ERR_CALLBACK_FAILURE;
                session.body_.append(reinterpret_cast<const char*>(data), size);
                return 0;
        }

        static int on_close(nghttp2_session*, std::int32_t, std::uint32_t, void* pointer)
        {
                self(pointer).closed_ = true;
                return 0;
        }

        UniqueFd fd_;
        std::string request_;
        std::size_t limit_;
        std::size_t sent_ = 0;
        std::unique_ptr<nghttp2_session, Deleter<nghttp2_session_del>> session_;
        std::map<std::string, std::string> headers_;
        std::string body_;
        bool closed_ = false;
        bool too_long_ = false;
};

} // namespace

GrpcReply grpc_call(const GrpcCall& call, Clock::time_point deadline)
{
        for (auto delay = first_delay;; delay = std::min(delay * 2, max_delay)) {
                std::string failure;
                try {
                        return Session(call, connect_to(call.socket)).run(deadline);
                } catch (const Broken& e) {
                        failure = e.what();
                }

                if (Clock::now() + delay >= deadline)
                        throw GrpcError(fmt::format("did not answer: {}", failure));

                std::this_thread::sleep_for(delay);
        }
}

} // namespace eks
