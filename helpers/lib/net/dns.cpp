// SPDX-License-Identifier: Apache-2.0
#include "net/dns.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

#include <ares.h>
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using Clock = std::chrono::steady_clock;
using Channel = std::unique_ptr<ares_channeldata, Deleter<ares_destroy>>;
using AddressesPtr = std::unique_ptr<ares_addrinfo, Deleter<ares_freeaddrinfo>>;

constexpr std::size_t server_limit = 3; // MAXNS of libc

struct Answer {
        int family;
        bool complete = false; // the server has answered for this family, or has timed out
        int status = ARES_SUCCESS;
        std::vector<std::string> addresses = {};
};

void take(void* argument, int status, int /*timeouts*/, ares_addrinfo* found)
{
        const AddressesPtr addresses(found);
        auto& answer = *static_cast<Answer*>(argument);
        answer.complete = true;
        answer.status = status;

        for (const auto* node = found != nullptr ? found->nodes : nullptr; node != nullptr;
                node = node->ai_next) {
                std::array<char, INET6_ADDRSTRLEN> text{};
                const void* const address =
                        node->ai_family == AF_INET6
                                ? static_cast<const void*>(
                                          &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr)
                                : &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr;
                ::ares_inet_ntop(node->ai_family, address, text.data(), text.size());
                answer.addresses.emplace_back(text.data());
        }

        std::ranges::sort(answer.addresses);
}

// A socket of the channel waits for other events now, or for none.
void watch(void* argument, ares_socket_t socket, int reads, int writes)
{
        auto& sockets = *static_cast<std::vector<pollfd>*>(argument);
        std::erase_if(sockets, [&](const pollfd& one) { return one.fd == socket; });
        const int events = (reads != 0 ? POLLIN : 0) | (writes != 0 ? POLLOUT : 0);
        if (events != 0)
                sockets.push_back({.fd = socket, .events = static_cast<short>(events), .revents = 0});
}

// A channel that asks this server and reads neither /etc/hosts nor resolv.conf. It says in `sockets` what it
// waits for.
Channel open_channel(
        const NameServer& server, std::chrono::milliseconds timeout, std::vector<pollfd>& sockets)
{
        std::array<char, 2> lookups{"b"};
        ares_options options{};
        options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP;
        options.timeout = static_cast<int>(timeout.count());
        options.tries = 1;
        options.ndots = 1;
        options.lookups = lookups.data();
        options.sock_state_cb = watch;
        options.sock_state_cb_data = &sockets;
        ares_channel made = nullptr;

        const auto status = ::ares_init_options(&made, &options,
                ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_LOOKUPS |
                        ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | ARES_OPT_SOCK_STATE_CB);
        if (status != ARES_SUCCESS)
                throw Error(failure::host_unresolved, fmt::format("c-ares: {}", ::ares_strerror(status)),
                        "Look for a lack of memory in `journalctl -k`");

        Channel channel(made);
        const bool ipv6 = server.address.find(':') != std::string::npos;
        const auto text = fmt::format(fmt::runtime(ipv6 ? "[{}]:{}" : "{}:{}"), server.address, server.port);

        return ::ares_set_servers_ports_csv(channel.get(), text.c_str()) == ARES_SUCCESS ? std::move(channel)
                                                                                         : Channel();
}

// Let the channel read and write until both answers are there, or the time is over.
void run(ares_channeldata* channel, const std::vector<pollfd>& sockets, const std::array<Answer, 2>& answers,
        Clock::time_point deadline)
{
        const auto both = [&] { return answers[0].complete && answers[1].complete; };
        while (!both()) {
                const auto left =
                        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
                if (left.count() <= 0)
                        return ::ares_cancel(channel);

                auto events = sockets; // which change while they are served
                timeval limit{.tv_sec = left.count() / 1000, .tv_usec = left.count() % 1000 * 1000};
                timeval next{};
                const auto* const wait = ::ares_timeout(channel, &limit, &next);
                ::poll(events.data(), events.size(),
                        static_cast<int>(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));

                for (const auto& event : events)
                        ::ares_process_fd(channel,
                                (event.revents & (POLLIN | POLLERR | POLLHUP)) != 0 ? event.fd
                                                                                    : ARES_SOCKET_BAD,
                                (event.revents & (POLLOUT | POLLERR)) != 0 ? event.fd : ARES_SOCKET_BAD);
                ::ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); // requests that have timed out
        }
}

std::string status_text(int status, std::chrono::milliseconds timeout)
{
        switch (status) {
        case ARES_ENODATA:
                return "the name has no address";
        case ARES_ENOTFOUND:
                return "there is no such name";
        case ARES_ESERVFAIL:
                return "the server failed";
        case ARES_EREFUSED:
                return "the server refuses";
        case ARES_ECANCELLED:
        case ARES_ETIMEOUT:
                return fmt::format("no answer in {} ms", timeout.count());
        default:
                return ::ares_strerror(status);
        }
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
        std::vector<std::string> reported;
        for (const auto& server : servers) {
                std::vector<pollfd> sockets; // the channel uses it until it is closed
                const auto channel = open_channel(server, timeout, sockets);
                if (!channel) {
                        reported.push_back(fmt::format("{}: not an address", server.address));
                        continue;
                }

                std::array<Answer, 2> answers{Answer{AF_INET}, Answer{AF_INET6}};
                for (auto& answer : answers) {
                        ares_addrinfo_hints hints{.ai_flags = ARES_AI_NOSORT,
                                .ai_family = answer.family,
                                .ai_socktype = 0,
                                .ai_protocol = 0};
                        ::ares_getaddrinfo(channel.get(), host.c_str(), nullptr, &hints, take, &answer);
                }

                run(channel.get(), sockets, answers, Clock::now() + timeout);

                // One family is enough, because a server may not answer for the other.
                auto addresses = answers[0].addresses;
                addresses.insert(addresses.end(), answers[1].addresses.begin(), answers[1].addresses.end());

                if (!addresses.empty()) {
                        addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
                        return addresses;
                }

                reported.push_back(
                        fmt::format("{}: {}", server.address, status_text(answers[0].status, timeout)));
        }

        throw Error(failure::host_unresolved,
                fmt::format("'{}' cannot be resolved ({})", host, join(reported, "; ")),
                std::string(dns_remedy));
}

} // namespace eks
