// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>

#include "support.hpp"
#include "verbs/token/token.hpp"

using namespace eks;
using Json = nlohmann::json;
using std::chrono_literals::operator""s;
using test::refusal;

namespace {

constexpr std::chrono::sys_seconds now(1736929800s); // 2025-01-15T08:30:00Z
constexpr std::string_view prefix = "k8s-aws-v1.";

// The URL in a token.
std::string url_in(const std::string& token)
{
        REQUIRE(token.starts_with(prefix));

        auto text = token.substr(prefix.size());
        CHECK(text.find_first_of("+/=\n") == std::string::npos);

        std::ranges::replace(text, '-', '+');
        std::ranges::replace(text, '_', '/');
        const auto padding = (4 - text.size() % 4) % 4;
        text.append(padding, '=');
        std::string bytes(text.size() / 4 * 3, '\0');
        REQUIRE(::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()),
                        static_cast<int>(text.size())) == static_cast<int>(bytes.size()));

        bytes.resize(bytes.size() - padding);
        return bytes;
}

} // namespace

TEST_CASE("A token is a presigned GetCallerIdentity request", "[token]")
{
        const AwsCredentials credentials{"ASIAEXAMPLE", "secret", "session/token"};

        // Every remainder of base64 comes by.
        for (const auto* cluster : {"a", "my-cluster", "my_cluster1"}) {
                const auto url = url_in(eks_token({cluster, "us-west-2", {}}, credentials, now));
                CHECK(url == presigned_url({.host = "sts.us-west-2.amazonaws.com",
                                                   .query = {{"Action", "GetCallerIdentity"},
                                                           {"Version", "2011-06-15"}},
                                                   .headers = {{"x-k8s-aws-id", cluster}}},
                                     credentials, {"sts", "us-west-2", now}, 60s));
                CHECK(url.find("X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&") !=
                        std::string::npos);
        }

        CHECK(url_in(eks_token({"c", "us-west-2", {.fips = true}}, credentials, now))
                        .starts_with("https://sts-fips.us-west-2.amazonaws.com/?Action"));
}

TEST_CASE("What cannot be a cluster or a region is refused", "[token]")
{
        const AwsCredentials credentials{"id", "secret", ""};
        const auto with = [&](const std::string& cluster, const std::string& region) {
                return refusal([&] { eks_token({cluster, region, {}}, credentials, now); }).failure;
        };

        CHECK(with("my-cluster", "us-west-2") == "nothing");
        CHECK(with("", "us-west-2") == "usage");
        CHECK(with("a b", "us-west-2") == "usage");
        CHECK(with("a\r\nHost: b", "us-west-2") == "usage");
        CHECK(with(std::string(101, 'a'), "us-west-2") == "usage");
        CHECK(with("my-cluster", "us-west-2.example.com/") == "usage");
}

TEST_CASE("The answer has the version that kubelet asks in", "[token]")
{
        const std::string group = "client.authentication.k8s.io/";
        CHECK(exec_api_version("") == group + "v1beta1");
        for (const auto* version : {"v1", "v1beta1", "v1alpha1"}) {
                const Json info{{"kind", "ExecCredential"}, {"apiVersion", group + version},
                        {"spec", {{"interactive", false}}}};
                CHECK(exec_api_version(info.dump()) == group + version);
        }
        for (const auto* info : {"{", "[]", "5", "{}", R"({"apiVersion": 1})",
                     R"({"apiVersion": "client.authentication.k8s.io/v2"})", R"({"apiVersion": "v1"})"})
                CHECK(refusal([&] { exec_api_version(info); }).failure == "usage");
}

TEST_CASE("The answer is one line that says until when it is good", "[token]")
{
        const auto text = render_exec_credential("client.authentication.k8s.io/v1", "the-token", now);
        CHECK(text.find('\n') == text.size() - 1);
        CHECK(Json::parse(text) == Json::parse(R"({"kind": "ExecCredential",
                "apiVersion": "client.authentication.k8s.io/v1", "spec": {},
                "status": {"token": "the-token", "expirationTimestamp": "2025-01-15T08:44:00Z"}})"));
}
