// SPDX-License-Identifier: Apache-2.0
#include "steps/environment/api_server.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <netdb.h>
#include <stdexcept>
#include <sys/socket.h>

#include <fmt/format.h>

#include "base/ask_in_child.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "node/hosts_block.hpp"
#include "node/proxy.hpp"

namespace eks {

namespace {

// Of the name servers: two attempts of a second for each of at most three. Other modules of
// nsswitch.conf(5) have limits of their own.
constexpr std::chrono::seconds deadline{10};

std::vector<std::string> addresses_of(const std::string& host)
{
        ::setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
        const addrinfo hints{.ai_flags = 0, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        addrinfo* raw = nullptr;
        if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &raw); error != 0)
                throw std::runtime_error(::gai_strerror(error));

        const std::unique_ptr<addrinfo, Deleter<::freeaddrinfo>> all(raw);
        std::vector<std::string> addresses;

        for (const auto* one = raw; one != nullptr; one = one->ai_next) {
                std::array<char, NI_MAXHOST> text{};
                if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                            NI_NUMERICHOST) == 0)
                        addresses.emplace_back(text.data());
        }

        return addresses;
}

} // namespace

StepPlan look_api_server_up(const NodeInputs& node)
{
        StepPlan plan;
        const auto host =
                node.spec.host.proxy.is_given() ? endpoint_host(node.spec.cluster.endpoint) : std::string();
        File file{.path = std::string(api_server_path), .content = {}, .kind = File::Kind::absent};

        if (!host.empty()) {
                const auto found = ask_in_child([&] { return addresses_of(host); }, deadline);
                if (found.lines.empty()) {
                        plan.notes.push_back({Level::warning,
                                fmt::format("the addresses of the API server '{}' are not known ({}), so it "
                                            "is reached through the proxy unless proxy.noProxy names it, "
                                            "proceeding",
                                        host, found.wrong)});

                        const auto known = read_file_if_exists(node.root(std::string(api_server_path)));
                        if (known == host + "\n")
                                return plan;
                } else {
                        const bool is_private =
                                std::ranges::all_of(found.lines, [&](const std::string& address) {
                                        return is_private_address(address, node.facts.all);
                                });
                        file.kind = is_private ? File::Kind::regular : File::Kind::absent;
                        file.content = host + "\n";
                }
        }

        plan.files.push_back(std::move(file));
        return plan;
}

} // namespace eks
