// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <array>
#include <functional>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>

#include <catch2/catch.hpp>

#include "base/fd.hpp"
#include "net/dns.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::chrono_literals;
using test::refusal;
using Texts = std::vector<std::string>;

namespace {

// What a server answers to a query: a whole message, or nothing.
using Reply = std::function<std::string(const std::string& query, bool ipv6)>;

// A name server on loopback.
class Server {
public:
        explicit Server(Reply reply) : reply_(std::move(reply))
        {
                // One port for both protocols: what is free for the one may be taken for the other.
                for (int tries = 0; port_ == 0 && tries < 100; tries++) {
                        fd_ = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
                        sockaddr_in address{};
                        address.sin_family = AF_INET;
                        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                        REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ==
                                0);

                        socklen_t length = sizeof address;
                        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length);

                        listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
                        if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ==
                                0)
                                port_ = ntohs(address.sin_port);
                }

                REQUIRE(port_ != 0);

                thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
        }
        // The same by TCP, to one client after the other.
        void listen_to_tcp(Reply reply)
        {
                REQUIRE(::listen(listener_.get(), 4) == 0);
                tcp_ = std::jthread([this, reply = std::move(reply)](const std::stop_token& stop) {
                        while (!stop.stop_requested()) {
                                pollfd event{.fd = listener_.get(), .events = POLLIN, .revents = 0};
                                if (::poll(&event, 1, 20) != 1)
                                        continue;
                                const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
                                serve(client.get(), reply);
                        }
                });
        }
        NameServer name() const { return {"127.0.0.1", port_}; }

private:
        // Each message has its length in front.
        static void serve(int client, const Reply& reply)
        {
                for (;;) {
                        std::array<unsigned char, 512> buffer{};
                        pollfd event{.fd = client, .events = POLLIN, .revents = 0};
                        if (::poll(&event, 1, 5000) != 1 ||
                                ::recv(client, buffer.data(), 2, MSG_WAITALL) != 2)
                                return;

                        const auto size = static_cast<std::size_t>(buffer[0]) * 256 + buffer[1];
                        if (size > buffer.size() ||
                                ::recv(client, buffer.data(), size, MSG_WAITALL) != ssize_t(size))
                                return;

                        const std::string query(
                                buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size));
                        const auto answer = reply(query, query[query.size() - 3] == 28);
                        const std::string framed = std::string{static_cast<char>(answer.size() / 256),
                                                           static_cast<char>(answer.size() % 256)} +
                                                   answer;
                        ::send(client, framed.data(), framed.size(), MSG_NOSIGNAL);
                }
        }

        void run(const std::stop_token& stop) const
        {
                while (!stop.stop_requested()) {
                        pollfd event{.fd = fd_.get(), .events = POLLIN, .revents = 0};
                        if (::poll(&event, 1, 20) != 1)
                                continue;

                        std::array<char, 512> buffer{};
                        sockaddr_in from{};
                        socklen_t length = sizeof from;
                        const auto size = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                reinterpret_cast<sockaddr*>(&from), &length);
                        const std::string query(buffer.data(), static_cast<std::size_t>(size));

                        const auto answer = reply_(query, query[query.size() - 3] == 28);
                        if (!answer.empty())
                                ::sendto(fd_.get(), answer.data(), answer.size(), 0,
                                        reinterpret_cast<sockaddr*>(&from), length);
                }
        }

        Reply reply_;
        UniqueFd fd_;
        UniqueFd listener_;
        unsigned short port_ = 0;
        std::jthread thread_;
        std::jthread tcp_;
};

// The query with an answer section: each record is its type and its data.
struct Record {
        char type;
        std::string data;
        std::string name = "\xc0\x0c"; // that of the question
};
std::string answer(const std::string& query, const std::vector<Record>& records, char code = 0)
{
        auto message = query;
        message[2] = '\x81'; // a response
        message[3] = static_cast<char>('\x80' | code);
        message[7] = static_cast<char>(records.size());

        for (const auto& [type, data, name] : records) {
                message += name + std::string(1, '\0');
                message += type;
                message += std::string("\0\1\0\0\0\x3c\0", 7); // IN, 60 s
                message += static_cast<char>(data.size());
                message += data;
        }

        return message;
}

const std::string ipv6_data("\x26\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);

Texts lookup(const std::vector<NameServer>& servers, std::chrono::milliseconds timeout = 1s)
{
        return lookup_addresses("api.example.com", servers, timeout);
}

} // namespace

TEST_CASE("Servers are those of resolv.conf, at most three", "[dns]")
{
        using Servers = std::vector<NameServer>;
        CHECK(name_servers("") == Servers{{"127.0.0.1"}});
        CHECK(name_servers("# nameserver 1.1.1.1\nsearch example.com\nnameserver\nnameservers 1.1.1.1\n") ==
                Servers{{"127.0.0.1"}});
        CHECK(name_servers("nameserver 10.0.0.2\nnameserver\tfd00:ec2::253 # x\noptions edns0\n"
                           "nameserver 10.0.0.3\nnameserver 10.0.0.4\n") ==
                Servers{{"10.0.0.2"}, {"fd00:ec2::253"}, {"10.0.0.3"}});
}

TEST_CASE("Addresses of both families are found, past an alias, each once and sorted", "[dns]")
{
        const Server server([](const std::string& query, bool ipv6) {
                if (ipv6)
                        return answer(query, {{28, ipv6_data}});
                const std::string alias("\1x\0", 3);
                return answer(query, {{5, alias}, {1, "\x0a\1\1\2", alias}, {1, "\x0a\1\1\1", alias},
                                             {1, "\x0a\1\1\2", alias}});
        });
        CHECK(lookup({server.name()}) == Texts{"10.1.1.1", "10.1.1.2", "2600::1"});
}

TEST_CASE("An answer that is too long for UDP comes by TCP", "[dns]")
{
        Server server([](const std::string& query, bool) {
                auto cut = answer(query, {});
                cut[2] = static_cast<char>(cut[2] | 2); // truncated
                return cut;
        });

        server.listen_to_tcp([](const std::string& query, bool ipv6) {
                return ipv6 ? answer(query, {{28, ipv6_data}}) : answer(query, {{1, "\x0a\1\1\1"}});
        });

        CHECK(lookup({server.name()}, 5s) == Texts{"10.1.1.1", "2600::1"});
}

TEST_CASE("One family is enough, whatever becomes of the other", "[dns]")
{
        for (const char what : {'n', 'e', 's'}) { // nothing, an error, silence
                const Server server([&](const std::string& query, bool ipv6) {
                        if (!ipv6)
                                return answer(query, {{1, "\x0a\1\1\1"}});
                        return what == 's' ? std::string() : answer(query, {}, what == 'e' ? 2 : 0);
                });
                CHECK(lookup({server.name()}) == Texts{"10.1.1.1"});
        }
}

TEST_CASE("A server that is silent or fails is followed by the next", "[dns]")
{
        const Server silent([](const std::string&, bool) { return std::string(); });
        const Server failing([](const std::string& query, bool) { return answer(query, {}, 2); });
        const Server good([](const std::string& query, bool) { return answer(query, {{1, "\x0a\1\1\1"}}); });
        CHECK(lookup({silent.name(), failing.name(), {"nonsense"}, good.name()}, 1s) == Texts{"10.1.1.1"});
}

TEST_CASE("Without an address the error names the reason of every server", "[dns]")
{
        const Server none([](const std::string& query, bool) { return answer(query, {}, 3); });
        const Server empty([](const std::string& query, bool) { return answer(query, {}); });
        const Server silent([](const std::string&, bool) { return std::string(); });
        const auto result = refusal([&] {
                lookup({none.name(), empty.name(), silent.name(), {"fd00::1x"}}, 1s);
        });

        CHECK(result.failure == "host-unresolved");
        CHECK(result.mentions("'api.example.com' cannot be resolved"));
        CHECK(result.mentions("there is no such name"));
        CHECK(result.mentions("the name has no address"));
        CHECK(result.mentions("no answer in 1000 ms"));
        CHECK(refusal([&] { lookup_addresses(std::string(300, 'a'), {none.name()}, 100ms); }).failure ==
                "host-unresolved");
}

TEST_CASE("Other packets than the answer are ignored", "[dns]")
{
        const Server server([](const std::string& query, bool) {
                auto other = answer(query, {{1, "\x0a\1\1\1"}});
                other[0] = static_cast<char>(other[0] + 1); // of another question
                return other;
        });

        CHECK(refusal([&] { lookup({server.name()}, 100ms); }).mentions("no answer"));

        int round = 0;
        const Server damaged([&](const std::string& query, bool) {
                auto whole = answer(query, {{1, "\x0a\1\1\1"}, {1, "\x0a\1\1"}});
                return whole.substr(0, static_cast<std::size_t>(++round * 3) % whole.size());
        });

        for (int i = 0; i < 8; ++i) { // returns or refuses, nothing else
                const auto failure = refusal([&] { lookup({damaged.name()}, 20ms); }).failure;
                CHECK((failure == "nothing" || failure == "host-unresolved"));
        }
}
