// SPDX-License-Identifier: Apache-2.0
#include "servers.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <tuple>
#include <unistd.h>

#include "base/process.hpp"
#include "base/text.hpp"
#include "net/protobuf.hpp"

namespace test {

namespace {

using Json = nlohmann::json;

void end(pid_t pid)
{
        if (pid <= 0)
                return;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
}

// In the child: do not outlive a test that crashed.
void follow_parent()
{
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

bool read_exactly(int fd, std::string& into, std::size_t size)
{
        into.assign(size, '\0');
        for (std::size_t at = 0; at < size;) {
                const auto n = ::read(fd, into.data() + at, size - at);
                if (n <= 0)
                        return false;
                at += static_cast<std::size_t>(n);
        }

        return true;
}

// HTTP/2 as RFC 9113 has it, as far as one answer needs it.
constexpr char frame_data = 0;
constexpr char frame_headers = 1;
constexpr char frame_settings = 4;
constexpr unsigned flag_end_stream = 1; // of DATA and HEADERS; ACK of SETTINGS
constexpr unsigned flag_end_headers = 4;

std::string frame(char type, unsigned flags, unsigned stream, const std::string& payload)
{
        std::string bytes;
        for (const unsigned shift : {16U, 8U, 0U})
                bytes += static_cast<char>(payload.size() >> shift);
        bytes += type;
        bytes += static_cast<char>(flags);

        for (const unsigned shift : {24U, 16U, 8U, 0U})
                bytes += static_cast<char>(stream >> shift);

        return bytes + payload;
}

// HPACK: a literal field without indexing, with a new name, without Huffman coding.
std::string field(const std::string& name, const std::string& value)
{
        return std::string(1, '\0') + static_cast<char>(name.size()) + name +
               static_cast<char>(value.size()) + value;
}

std::string grpc_frame(const std::string& message)
{
        std::string bytes(1, '\0');
        for (const unsigned shift : {24U, 16U, 8U, 0U})
                bytes += static_cast<char>(message.size() >> shift);
        return bytes + message;
}

// The body of the one request on a connection.
std::string read_request(int fd)
{
        std::string body;
        std::string head;
        std::string payload;

        if (!read_exactly(fd, head, 24)) // the preface
                return body;

        while (read_exactly(fd, head, 9)) {
                const auto byte = [&](std::size_t i) {
                        return static_cast<unsigned>(static_cast<unsigned char>(head[i]));
                };

                if (!read_exactly(fd, payload, byte(0) << 16U | byte(1) << 8U | byte(2)))
                        return body;

                if (head[3] == frame_data)
                        body += payload;
                if (head[3] == frame_data && (byte(4) & flag_end_stream) != 0)
                        return body;
        }

        return body;
}

std::string rendered(const GrpcAnswer& answer)
{
        const auto head = field(":status", answer.http_status) + field("content-type", "application/grpc");
        auto trailers =
                answer.grpc_status.empty() ? std::string() : field("grpc-status", answer.grpc_status);
        if (!answer.grpc_message.empty())
                trailers += field("grpc-message", answer.grpc_message);
        auto bytes = frame(frame_settings, 0, 0, "") + frame(frame_settings, flag_end_stream, 0, "");
        if (answer.trailers_only)
                return bytes + frame(frame_headers, flag_end_headers | flag_end_stream, 1, head + trailers);

        bytes += frame(frame_headers, flag_end_headers, 1, head);
        if (trailers.empty())
                return bytes + frame(frame_data, flag_end_stream, 1, grpc_frame(answer.message));

        return bytes + frame(frame_data, 0, 1, grpc_frame(answer.message)) +
               frame(frame_headers, flag_end_headers | flag_end_stream, 1, trailers);
}

// Start a program and wait for a line that begins so; empty if it ends before.
std::pair<pid_t, std::string> start(std::vector<std::string> arguments, std::string_view beginning = {})
{
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) < 0)
                throw std::runtime_error("pipe");

        const auto pid = ::fork();
        if (pid == 0) {
                follow_parent();
                ::dup2(ends[1], STDOUT_FILENO);

                std::vector<char*> argv;
                for (auto& argument : arguments)
                        argv.push_back(argument.data());
                argv.push_back(nullptr);
                ::execv(argv.front(), argv.data());
                ::_exit(127);
        }

        ::close(ends[1]);
        std::string line;
        for (char c = 0; ::read(ends[0], &c, 1) == 1 && (c != '\n' || !line.starts_with(beginning));)
                line = c == '\n' ? std::string() : line + c;
        ::close(ends[0]);

        return {pid, line};
}

} // namespace

FakeAws::FakeAws(const std::string& profile)
{
        const auto program = std::string(SOURCE_DIR) + "/tests/fake-aws";
        std::vector<std::string> arguments{program, "--profile",
                std::string(SOURCE_DIR) + "/tests/profiles/" + profile, "--user-data", files_("/user-data"),
                "--faults", files_("/faults"), "--clusters", files_("/clusters"), "--queries",
                files_("/queries"), "--log", files_("/log")};
        std::string port;
        std::tie(pid_, port) = start(arguments);

        if (port.empty()) {
                end(pid_);
                throw std::runtime_error("tests/fake-aws did not start");
        }

        endpoint_ = "http://127.0.0.1:" + port;
}

FakeAws::~FakeAws()
{
        end(pid_);
}

void FakeAws::set_faults(const Json& faults) const
{
        files_.write("/faults.new", faults.dump());
        if (std::rename(files_("/faults.new").c_str(), files_("/faults").c_str()) != 0)
                throw std::runtime_error("rename");
}

std::vector<Json> FakeAws::requests() const
{
        std::vector<Json> all;
        const auto log = files_.read("/log");
        for (const auto line : eks::lines(log))
                all.push_back(Json::parse(line));
        return all;
}

long FakeAws::count(const std::string& method, const std::string& path) const
{
        const auto all = requests();
        return std::ranges::count_if(
                all, [&](const Json& r) { return r["method"] == method && r["path"] == path; });
}

eks::ImdsClient client_of(const FakeAws& aws, std::chrono::milliseconds timeout)
{
        return eks::ImdsClient({.endpoint = aws.endpoint(), .timeout = timeout});
}

TlsServer::TlsServer()
{
        const auto key = files_("/key");
        const auto certificate = files_("/crt");

        const auto made = eks::run_program(
                {"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate},
                std::chrono::seconds(60));
        if (made.status != 0)
                throw std::runtime_error("openssl req: " + made.output);

        std::string accepts; // "ACCEPT 127.0.0.1:PORT"
        std::tie(pid_, accepts) = start({"/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:0", "-key",
                                                key, "-cert", certificate, "-www"},
                "ACCEPT ");

        const auto colon = accepts.rfind(':');
        if (colon == accepts.npos) {
                end(pid_);
                throw std::runtime_error("openssl s_server did not start: " + accepts);
        }

        endpoint_ = "https://localhost" + accepts.substr(colon);
}

TlsServer::~TlsServer()
{
        end(pid_);
}

std::string closed_endpoint()
{
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{.sin_family = AF_INET,
                .sin_port = 0,
                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                .sin_zero = {}};
        socklen_t length = sizeof address;
        ::bind(fd, reinterpret_cast<sockaddr*>(&address), length);
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
        ::close(fd);

        return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

GrpcServer::GrpcServer(std::vector<GrpcAnswer> answers)
{
        const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        const auto path = socket();
        if (path.size() >= sizeof address.sun_path)
                throw std::runtime_error("the path of the socket is too long");

        std::ranges::copy(path, address.sun_path);
        if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
                ::listen(listener, 8) < 0)
                throw std::runtime_error("cannot listen at " + path);

        pid_ = ::fork();
        if (pid_ == 0) {
                follow_parent();
                std::size_t number = 0;

                for (const auto& answer : answers) {
                        const int fd = ::accept(listener, nullptr, nullptr);
                        files_.write("/request-" + std::to_string(number++), read_request(fd));
                        const auto bytes = rendered(answer);
                        [[maybe_unused]] const auto written = ::write(fd, bytes.data(), bytes.size());

                        for (char c = 0; ::read(fd, &c, 1) == 1;) // until the client has closed
                                ;
                        ::close(fd);
                }

                ::_exit(0);
        }

        ::close(listener);
}

GrpcServer::~GrpcServer()
{
        end(pid_);
}

eks::ContainerdClient client_of(const GrpcServer& server)
{
        return eks::ContainerdClient({.socket = server.socket(), .timeout = std::chrono::seconds(60)});
}

std::string message(const std::vector<std::pair<unsigned, std::string>>& fields)
{
        std::string bytes;
        for (const auto& [field, value] : fields)
                eks::protobuf::append(bytes, field, value);
        return bytes;
}

} // namespace test
