// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "net/containerd.hpp"
#include "net/protobuf.hpp"
#include "servers.hpp"

using namespace eks;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::GrpcAnswer;
using test::GrpcServer;
using test::message;
using test::refusal;

namespace {

constexpr auto image = "localhost/kubernetes/pause:latest";

std::string label(const std::string& key, const std::string& value)
{
        return message({{1, key}, {2, value}});
}

// The fields of a request, without its frame.
std::vector<std::pair<unsigned, std::string>> fields(const std::string& bytes, std::size_t skip = 0)
{
        std::vector<std::pair<unsigned, std::string>> all;
        CHECK(protobuf::for_each(std::string_view(bytes).substr(skip),
                [&](unsigned field, std::string_view value) { all.emplace_back(field, value); }));
        return all;
}

} // namespace

TEST_CASE("An image comes with its labels", "[containerd]")
{
        const GrpcServer server(
                {{.message = message({{1,
                          message({{1, image}, {2, label("io.cri-containerd.pinned", "pinned")},
                                  {2, label("a", "")}, {3, message({{1, "type"}, {2, "sha256:abc"}})}})}})},
                        {.message = message({{1, message({{1, image}})}})}});
        auto client = client_of(server);
        const auto found = client.image(image);
        REQUIRE(found);
        CHECK(found->name == image);
        CHECK(found->labels ==
                std::map<std::string, std::string>{{"a", ""}, {"io.cri-containerd.pinned", "pinned"}});
        CHECK(found->digest == "sha256:abc");
        CHECK(fields(server.request(0), 5) == std::vector<std::pair<unsigned, std::string>>{{1, image}});
        CHECK(client.image(image)->labels.empty());
}

TEST_CASE("An image that containerd does not have is absent", "[containerd]")
{
        const bool trailers_only = GENERATE(true, false);
        const GrpcServer server({{.grpc_status = "5",
                .grpc_message = "image \"x\": not found",
                .trailers_only = trailers_only}});
        CHECK_FALSE(client_of(server).image(image));
}

// containerd 1.7 and later die of an image without its target, which no client of theirs sends.
TEST_CASE("A label is sent with the whole image, and a mask that changes nothing else", "[containerd]")
{
        const std::vector<std::pair<unsigned, std::string>> whole{{1, image}, {2, label("a", "b")},
                {3, message({{1, "type"}, {2, "sha256:abc"}})}, {7, "created"}, {8, "updated"}};
        const GrpcServer server({{.message = message({{1, message(whole)}})}, {}});
        auto client = client_of(server);
        const auto found = client.image(image);
        REQUIRE(found);

        client.label_image(*found, "io.cri-containerd.pinned", "pinned");
        const auto request = server.request(1);
        REQUIRE(request.size() > 5);
        CHECK(request.substr(0, 4) == std::string(4, '\0'));
        CHECK(static_cast<unsigned char>(request[4]) == request.size() - 5);

        const auto parts = fields(request, 5);
        REQUIRE(parts.size() == 2);
        CHECK(parts[0].first == 1);

        auto labelled = whole;
        labelled.emplace_back(2, label("io.cri-containerd.pinned", "pinned"));
        CHECK(fields(parts[0].second) == labelled);
        CHECK(parts[1].first == 2);
        CHECK(fields(parts[1].second) ==
                std::vector<std::pair<unsigned, std::string>>{{1, "labels.io.cri-containerd.pinned"}});
}

TEST_CASE("An image that is lost between two calls is an error", "[containerd]")
{
        const GrpcServer server({{.grpc_status = "5", .trailers_only = true}});
        auto client = client_of(server);
        const auto result = refusal([&] { client.label_image({.name = image}, "a", "b"); });
        CHECK(result.failure == "containerd-unreachable");
        CHECK(result.mentions("has lost the image '" + std::string(image) + "'"));
}

TEST_CASE("Invalid answers are errors that name the socket", "[containerd]")
{
        struct Row {
                GrpcAnswer answer;
                std::string reported;
        };
        const std::vector<Row> rows{
                {{.grpc_status = "7", .grpc_message = "denied", .trailers_only = true},
                        "refused Get: denied (gRPC status 7)"},
                {{.grpc_status = "13", .grpc_message = "internal"},
                        "refused Get: internal (gRPC status 13)"},
                {{.grpc_status = ""}, "gave an answer that is not gRPC (status 200)"},
                {{.grpc_status = "x"}, "gave an answer that is not gRPC"},
                {{.http_status = "404", .trailers_only = true},
                        "gave an answer that is not gRPC (status 404)"},
                {{.message = "\x0a\x7f"}, "gave an answer that is not an image"},
                {{.message = message({{1, "\x0a\x7f"}})}, "gave an answer that is not an image"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.reported);
                const GrpcServer server({row.answer});
                auto client = client_of(server);
                const auto result = refusal([&] { client.image(image); });
                CHECK(result.failure == "containerd-unreachable");
                CHECK(result.mentions("containerd at '" + server.socket() + "' " + row.reported));
                CHECK(result.remedy.find("journalctl -u containerd") != std::string::npos);
        }
}

TEST_CASE("A daemon that is not there ends at the deadline", "[containerd]")
{
        const test::TemporaryDirectory directory;
        ContainerdClient client({.socket = directory("/absent"), .timeout = 200ms});
        const auto result = refusal([&] { client.image(image); });
        CHECK(result.failure == "containerd-unreachable");
        CHECK(result.mentions(
                "containerd at '" + directory("/absent") + "' did not answer: cannot connect: "));
}

TEST_CASE("Images are listed by name", "[containerd]")
{
        const auto entry = [](const std::string& name) {
                return message({{1, name}, {2, label("a", name)}});
        };

        const GrpcServer server({{.message = message({{1, entry("b")}, {1, entry("a")}})}, {},
                {.message = message({{1, "\x0a\x7f"}})}});
        auto client = client_of(server);
        const auto all = client.images();
        REQUIRE(all.size() == 2);
        CHECK(all[0].name == "a");
        CHECK(all[1].labels.at("a") == "b");
        CHECK(client.images().empty());
        CHECK(refusal([&] { client.images(); }).mentions("gave an answer that is not a list of images"));
}

TEST_CASE("Another name for an image carries all that the first has", "[containerd]")
{
        const GrpcServer server({{}, {.grpc_status = "6", .trailers_only = true}, {}});
        auto client = client_of(server);
        const ContainerdImage found{
                .name = image, .record = message({{1, image}, {2, label("a", "b")}, {3, "target"}})};
        client.alias_image(found, "other");
        client.alias_image(found, "other"); // is there, and is replaced

        // The last name counts.
        const auto alias =
                message({{1, message({{1, image}, {2, label("a", "b")}, {3, "target"}, {1, "other"}})}});
        for (const unsigned request : {0U, 1U, 2U})
                CHECK(server.request(request).substr(5) == alias);
}

TEST_CASE("Whether an image is unpacked is found by the labels of its content", "[containerd]")
{
        const auto info = [](const std::vector<std::pair<std::string, std::string>>& labels) {
                std::string bytes = message({{1, "sha256:x"}});
                for (const auto& [key, value] : labels)
                        protobuf::append(bytes, 5, label(key, value));
                return GrpcAnswer{.message = message({{1, bytes}})};
        };

        const ContainerdImage found{.name = image, .digest = "sha256:index"};
        const GrpcAnswer index = info({{"containerd.io/gc.ref.content.m.0", "sha256:manifest"}});
        const GrpcAnswer manifest = info({{"containerd.io/gc.ref.content.config", "sha256:config"},
                {"containerd.io/gc.ref.content.l.0", "sha256:layer"}});
        const GrpcAnswer config = info({{"containerd.io/gc.ref.snapshot.overlayfs", "sha256:other"},
                {"containerd.io/gc.ref.snapshot.soci", "sha256:chain"}});
        const GrpcAnswer none{.grpc_status = "5", .trailers_only = true};

        SECTION("and by the snapshot they name")
        {
                const GrpcServer server({index, manifest, config, {}});
                CHECK(client_of(server).is_unpacked(found, "soci"));
                CHECK(fields(server.request(0), 5) == fields(message({{1, "sha256:index"}})));
                CHECK(fields(server.request(1), 5) == fields(message({{1, "sha256:manifest"}})));
                CHECK(fields(server.request(2), 5) == fields(message({{1, "sha256:config"}})));
                CHECK(fields(server.request(3), 5) == fields(message({{1, "soci"}, {2, "sha256:chain"}})));
        }

        SECTION("which may be gone")
        {
                const GrpcServer server({index, manifest, config, none});
                CHECK_FALSE(client_of(server).is_unpacked(found, "soci"));
        }

        SECTION("or never was, for that snapshotter")
        {
                const GrpcServer server({index, manifest, config});
                CHECK_FALSE(client_of(server).is_unpacked(found, "native"));
        }

        SECTION("and content may be gone")
        {
                const GrpcServer server({index, none});
                CHECK_FALSE(client_of(server).is_unpacked(found, "soci"));
        }

        SECTION("and content that refers to itself ends")
        {
                const GrpcServer server(std::vector<GrpcAnswer>(
                        64, info({{"containerd.io/gc.ref.content.m.0", "sha256:index"}})));
                CHECK_FALSE(client_of(server).is_unpacked(found, "soci"));
        }

        SECTION("and an invalid answer is an error")
        {
                const GrpcServer server(std::vector<GrpcAnswer>{{.message = "\x0a\x7f"}});
                auto client = client_of(server);
                CHECK(refusal([&] { client.is_unpacked(found, "soci"); }).mentions("not about content"));
        }
}

TEST_CASE("Another one may have the image service of the CRI", "[containerd]")
{
        const GrpcServer containerd(std::vector<GrpcAnswer>{});
        const GrpcServer soci(std::vector<GrpcAnswer>{{}});
        ContainerdClient client(
                {.socket = containerd.socket(), .image_service = soci.socket(), .timeout = 60s});
        CHECK(client.pull_image("example.com/a:1", {}, 60s).outcome == Pull::Outcome::done);
        CHECK(fields(soci.request(0), 5).size() == 1);
}
