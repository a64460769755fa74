// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "net/sigv4.hpp"
#include "support.hpp"

using namespace eks;
using std::chrono_literals::operator""s;
using test::refusal;

namespace {

// Credentials, scope and expected signatures of AWS's published Signature Version 4 test suite.
const AwsCredentials suite_credentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
const SigningScope suite_scope{"service", "us-east-1", std::chrono::sys_seconds(1440938160s)};

std::string suite_signature(const AwsRequest& request)
{
        const auto authorization = signed_headers(request, suite_credentials, suite_scope).back();
        return authorization.substr(authorization.rfind('=') + 1);
}

} // namespace

TEST_CASE("A time is written as AWS writes it", "[sigv4]")
{
        CHECK(aws_timestamp(std::chrono::sys_seconds(0s)) == "19700101T000000Z");
        CHECK(aws_timestamp(suite_scope.time) == "20150830T123600Z");
        CHECK(aws_timestamp(std::chrono::sys_seconds(1709251199s)) == "20240229T235959Z");
}

TEST_CASE("Signatures are those of AWS's test suite", "[sigv4]")
{
        const std::string host = "example.amazonaws.com";
        CHECK(suite_signature({.host = host}) ==
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        CHECK(suite_signature({.host = host, .query = {{"Param2", "value2"}, {"Param1", "value1"}}}) ==
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
        CHECK(suite_signature({.method = "POST", .host = host}) ==
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        CHECK(suite_signature({.host = host,
                      .headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}}) ==
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

TEST_CASE("A signed POST sends what it signs, and the session token", "[sigv4]")
{
        const AwsRequest request{.method = "POST",
                .host = "api.ecr.us-west-2.amazonaws.com",
                .headers = {{"Content-Type", "application/x-amz-json-1.1"}},
                .body = "{}"};
        const SigningScope scope{"ecr", "us-west-2", std::chrono::sys_seconds(1736929800s)};
        const auto headers = signed_headers(request, {"AKID", "secret", "session"}, scope);
        REQUIRE(headers.size() == 4);
        CHECK(headers[0] == "Content-Type: application/x-amz-json-1.1");
        CHECK(headers[1] == "X-Amz-Date: 20250115T083000Z");
        CHECK(headers[2] == "X-Amz-Security-Token: session");
        CHECK(headers[3].starts_with("Authorization: AWS4-HMAC-SHA256 "
                                     "Credential=AKID/20250115/us-west-2/ecr/aws4_request, "
                                     "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
                                     "Signature="));
        CHECK(signed_headers(request, {"AKID", "secret", ""}, scope).size() == 3);

        // Everything counts: the body, the place, the time, the secret.
        auto other = request;
        other.body = "{} ";
        CHECK(signed_headers(other, {"AKID", "secret", "session"}, scope).back() != headers[3]);
        CHECK(signed_headers(request, {"AKID", "Secret", "session"}, scope).back() != headers[3]);
}

TEST_CASE("A presigned URL carries all that proves it", "[sigv4]")
{
        const SigningScope scope{"sts", "us-west-2", std::chrono::sys_seconds(1736929800s)};
        const AwsRequest request{.host = "sts.us-west-2.amazonaws.com",
                .query = {{"Action", "GetCallerIdentity"}, {"odd name", "a+b/ü"}},
                .headers = {{"x-k8s-aws-id", "my-cluster"}}};
        const auto url = presigned_url(request, {"AKID", "secret", "a/b="}, scope, 60s);
        CHECK(url.starts_with("https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity"
                              "&odd%20name=a%2Bb%2F%C3%BC&X-Amz-Algorithm=AWS4-HMAC-SHA256"
                              "&X-Amz-Credential=AKID%2F20250115%2Fus-west-2%2Fsts%2Faws4_request"
                              "&X-Amz-Date=20250115T083000Z&X-Amz-Expires=60"
                              "&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Security-Token=a%2Fb%3D"
                              "&X-Amz-Signature="));
        CHECK(url.find("secret") == std::string::npos);
        CHECK(url.size() - url.rfind('=') == 65); // 32 bytes in hex
}

TEST_CASE("A header that would be two is not signed", "[sigv4]")
{
        const AwsRequest request{.host = "h", .headers = {{"x-k8s-aws-id", "a\r\nX-Evil: b"}}};
        CHECK(refusal([&] { presigned_url(request, suite_credentials, suite_scope, 60s); }).failure ==
                "internal");
        CHECK(refusal([&] { signed_headers(request, suite_credentials, suite_scope); }).failure ==
                "internal");
}
