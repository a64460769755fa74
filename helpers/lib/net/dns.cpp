// SPDX-License-Identifier: Apache-2.0
#include "net/dns.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <span>
#include <sys/random.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<unsigned char>;

constexpr std::size_t message_limit = 4096; // bytes; without EDNS servers send 512
constexpr std::size_t server_limit = 3;     // MAXNS of libc

struct Answer {
        bool complete = false;  // the server has spoken about this question
        std::string wrong = {}; // what it said instead of addresses
        std::vector<std::string> addresses = {};
};

struct Question {
        ns_type type;
        Bytes message;
        Answer answer = {};
};

Question question(const std::string& host, ns_type type)
{
        std::array<unsigned char, NS_PACKETSZ> buffer{};
        const auto length = ::res_mkquery(
                ns_o_query, host.c_str(), ns_c_in, type, nullptr, 0, nullptr, buffer.data(), buffer.size());
        if (length < 0)
                throw Error(failure::host_unresolved, fmt::format("'{}' is not a name for DNS", host));
        // An id that nobody can guess: libc's is made from the time.
        constexpr std::size_t id_size = 2;
        if (::getrandom(buffer.data(), id_size, 0) != ssize_t{id_size})
                throw io_error("read", "getrandom", errno);
        return {type, Bytes(buffer.begin(), buffer.begin() + length)};
}

std::string code_text(int code)
{
        switch (code) {
        case ns_r_nxdomain:
                return "there is no such name";
        case ns_r_servfail:
                return "the server failed";
        case ns_r_refused:
                return "the server refuses";
        default:
                return fmt::format("the server answers with code {}", code);
        }
}

// What an answer says about a question; nothing if it is of another or none at all.
void read_answer(std::span<const unsigned char> message, Question& asked)
{
        ns_msg parsed{};
        if (message.size() < 2 || !std::equal(message.begin(), message.begin() + 2, asked.message.begin()) ||
                ::ns_initparse(message.data(), static_cast<int>(message.size()), &parsed) < 0 ||
                ns_msg_getflag(parsed, ns_f_qr) == 0)
                return;
        asked.answer.complete = true;
        if (const auto code = ns_msg_getflag(parsed, ns_f_rcode); code != ns_r_noerror)
                asked.answer.wrong = code_text(code);
        for (int i = 0; i < ns_msg_count(parsed, ns_s_an); ++i) {
                ns_rr record{};
                if (::ns_parserr(&parsed, ns_s_an, i, &record) < 0)
                        return;
                const bool ipv6 = asked.type == ns_t_aaaa;
                if (ns_rr_type(record) != asked.type ||
                        ns_rr_rdlen(record) != (ipv6 ? sizeof(in6_addr) : sizeof(in_addr)))
                        continue; // an alias on the way to the address
                std::array<char, INET6_ADDRSTRLEN> text{};
                ::inet_ntop(ipv6 ? AF_INET6 : AF_INET, ns_rr_rdata(record), text.data(), text.size());
                asked.answer.addresses.emplace_back(text.data());
        }
}

// A socket that hears the one server only.
UniqueFd connected(const NameServer& server)
{
        sockaddr_storage storage{};
        socklen_t length = 0;
        auto* const ipv4 = reinterpret_cast<sockaddr_in*>(&storage);
        auto* const ipv6 = reinterpret_cast<sockaddr_in6*>(&storage);
        if (::inet_pton(AF_INET, server.address.c_str(), &ipv4->sin_addr) == 1) {
                ipv4->sin_family = AF_INET;
                ipv4->sin_port = htons(server.port);
                length = sizeof *ipv4;
        } else if (::inet_pton(AF_INET6, server.address.c_str(), &ipv6->sin6_addr) == 1) {
                ipv6->sin6_family = AF_INET6;
                ipv6->sin6_port = htons(server.port);
                length = sizeof *ipv6;
        } else {
                errno = EINVAL;
                return {};
        }
        UniqueFd fd(::socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) < 0)
                return {};
        return fd;
}

// Ask one server; returns what went wrong with it, empty if it has spoken.
std::string ask(const NameServer& server, std::span<Question> questions, std::chrono::milliseconds timeout)
{
        const auto fd = connected(server);
        if (!fd)
                return ::strerror(errno);
        for (const auto& q : questions)
                if (::send(fd.get(), q.message.data(), q.message.size(), MSG_NOSIGNAL) < 0)
                        return ::strerror(errno);
        const auto deadline = Clock::now() + timeout;
        while (!std::ranges::all_of(questions, [](const Question& q) { return q.answer.complete; })) {
                const auto left =
                        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
                pollfd event{.fd = fd.get(), .events = POLLIN, .revents = 0};
                if (left.count() <= 0 || ::poll(&event, 1, static_cast<int>(left.count())) == 0)
                        return fmt::format("no answer in {} ms", timeout.count());
                std::array<unsigned char, message_limit> buffer{};
                const auto length = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
                if (length < 0 && errno != EAGAIN && errno != EINTR)
                        return ::strerror(errno);
                for (auto& q : questions)
                        if (length > 0)
                                read_answer({buffer.data(), static_cast<std::size_t>(length)}, q);
        }
        return {};
}

} // namespace

std::vector<NameServer> name_servers(std::string_view resolv_conf)
{
        std::vector<NameServer> servers;
        for (const auto line : lines(resolv_conf)) {
                constexpr std::string_view keyword = "nameserver";
                if (!line.starts_with(keyword) || servers.size() == server_limit)
                        continue;
                const auto address = trim(line.substr(keyword.size()));
                if (!address.empty() && address.size() + keyword.size() < line.size())
                        servers.push_back({std::string(address.substr(0, address.find_first_of(" \t")))});
        }
        if (servers.empty())
                servers.push_back({"127.0.0.1"});
        return servers;
}

std::vector<std::string> lookup_addresses(
        const std::string& host, const std::vector<NameServer>& servers, std::chrono::milliseconds timeout)
{
        std::vector<std::string> said;
        for (const auto& server : servers) {
                std::array questions{question(host, ns_t_a), question(host, ns_t_aaaa)};
                auto wrong = ask(server, questions, timeout);
                std::vector<std::string> addresses;
                for (auto& [type, message, answer] : questions) {
                        std::ranges::sort(answer.addresses);
                        addresses.insert(addresses.end(), answer.addresses.begin(), answer.addresses.end());
                        if (wrong.empty())
                                wrong = answer.wrong;
                }
                // One family is enough: a server may be slow or mute about the other.
                if (!addresses.empty()) {
                        addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
                        return addresses;
                }
                said.push_back(fmt::format(
                        "{}: {}", server.address, wrong.empty() ? "the name has no address" : wrong));
        }
        throw Error(failure::host_unresolved,
                fmt::format("'{}' cannot be resolved ({})", host, join(said, "; ")));
}

} // namespace eks
