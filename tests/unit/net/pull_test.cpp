// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "net/pull.hpp"
#include "servers.hpp"

using namespace eks;
using std::chrono_literals::operator""s;
using test::GrpcAnswer;
using test::GrpcServer;
using test::message;
using test::refusal;

namespace {

constexpr auto name = "r.example/app:1";

std::optional<RegistryLogin> nobody()
{
        return std::nullopt;
}

void ignore(const std::string&) {}

const GrpcAnswer busy{.grpc_status = "2", .grpc_message = "dial%20tcp: no%0Aroute", .trailers_only = true};
const GrpcAnswer refused{.grpc_status = "2",
        .grpc_message = "unexpected status from GET request: 401 Unauthorized",
        .trailers_only = true};
const GrpcAnswer absent{
        .grpc_status = "5", .grpc_message = "r.example/app:1: not found", .trailers_only = true};

} // namespace

TEST_CASE("A pull names the image and shows a login to its registry alone", "[pull]")
{
        const GrpcServer server({{.message = message({{1, "sha256:x"}})}, {}, {}});
        auto containerd = client_of(server);
        pull_image(containerd, name, nobody, 60s, ignore);
        CHECK(server.request(0).substr(5) == message({{1, message({{1, name}})}}));

        pull_image(
                containerd, name,
                [] { return RegistryLogin{.server = "https://r.example", .auth = "QVdTOng="}; }, 60s,
                ignore);
        CHECK(server.request(1).substr(5) ==
                message({{1, message({{1, name}})},
                        {2, message({{3, "QVdTOng="}, {4, "https://r.example"}})}}));

        pull_image(
                containerd, name,
                [] { return RegistryLogin{.server = "https://r.example", .user = "u", .password = "p"}; },
                60s, ignore);
        CHECK(server.request(2).substr(5) ==
                message({{1, message({{1, name}})},
                        {2, message({{1, "u"}, {2, "p"}, {4, "https://r.example"}})}}));
}

TEST_CASE("A pull that fails is tried again with a new login", "[pull]")
{
        const GrpcServer server({busy, refused, {}});
        auto containerd = client_of(server);
        unsigned logins = 0;
        std::vector<std::string> reported;
        pull_image(
                containerd, name,
                [&] {
                        ++logins;
                        return nobody();
                },
                60s, [&](const std::string& text) { reported.push_back(text); });
        CHECK(logins == 3);
        CHECK(reported ==
                std::vector<std::string>{"pulling 'r.example/app:1', attempt 1: dial tcp: no\nroute",
                        "pulling 'r.example/app:1', attempt 2: unexpected status from GET request: 401 "
                        "Unauthorized"});
}

TEST_CASE("A pull that cannot succeed is given up", "[pull]")
{
        const auto pull = [](std::vector<GrpcAnswer> answers, std::chrono::milliseconds limit) {
                const GrpcServer server(std::move(answers));
                auto containerd = client_of(server);
                return refusal([&] { pull_image(containerd, name, nobody, limit, ignore); });
        };

        const auto nowhere = pull({absent}, 60s);
        CHECK(nowhere.failure == "image-absent");
        CHECK(nowhere.mentions("the registry has no image 'r.example/app:1'"));

        const auto invalid =
                pull({{.grpc_status = "3", .grpc_message = "bad ref", .trailers_only = true}}, 60s);
        CHECK(invalid.failure == "image-absent");
        CHECK(invalid.mentions("'r.example/app:1': bad ref"));

        const auto wrong = pull({refused, refused, refused}, 60s);
        CHECK(wrong.failure == "image-refused");
        CHECK(wrong.mentions("401 Unauthorized"));
        CHECK(wrong.advises("login"));

        const auto late = pull(std::vector(20, busy), 3s); // on a busy machine it may come to fewer
        CHECK(late.failure == "image-pull");
        CHECK((late.mentions("2 attempts") || late.mentions("3 attempts")));
        CHECK(late.mentions("no\nroute"));
}

TEST_CASE("An image that never comes ends at the limit", "[pull]")
{
        const GrpcServer server(std::vector<GrpcAnswer>{});
        auto containerd = client_of(server);
        const auto result = refusal([&] { pull_image(containerd, name, nobody, 2s, ignore); });
        CHECK(result.failure == "image-pull");
        CHECK(result.mentions("the pull did not end in time"));
}
