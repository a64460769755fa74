// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <catch2/catch.hpp>

#include "net/aws_call.hpp"
#include "servers.hpp"

using namespace eks;
using Json = nlohmann::json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::FakeAws;
using test::refusal;

namespace {

constexpr auto host = "602401143452.dkr.ecr.us-west-2.amazonaws.com";

struct Ecr : FakeAws {
        Ecr() { ::setenv("AWS_ENDPOINT_URL_ECR", (endpoint() + "/").c_str(), 1); }
        ~Ecr() { ::unsetenv("AWS_ENDPOINT_URL_ECR"); }

        void answers(const Json& faults) const { set_faults(faults); }

        static RegistryLogin login(std::chrono::milliseconds limit = 60s)
        {
                return ecr_login(host, "us-west-2",
                        {.credentials = {"AKIA", "SECRETKEY", "SESSION"},
                                .endpoint = {},
                                .deadline = std::chrono::steady_clock::now() + limit});
        }
};

const std::string token = R"({"authorizationData":[{"authorizationToken":"QVdTOnB3","expiresAt":1.7E9}]})";

Json post(Json fault)
{
        fault["path"] = "/";
        fault["method"] = "POST";
        return fault;
}

} // namespace

TEST_CASE("ECR's login is for the registry that is pulled from", "[aws-call]")
{
        const Ecr ecr;
        ecr.answers(Json::array({post({{"body", token}})}));
        const auto login = Ecr::login();
        CHECK(login.auth == "QVdTOnB3");
        CHECK(login.server == "https://" + std::string(host));
        CHECK(ecr.count("POST", "/") == 1);
}

TEST_CASE("Throttling and failures of the server are tried again", "[aws-call]")
{
        const Ecr ecr;
        ecr.answers(Json::array(
                {post({{"status", 400}, {"body", R"({"__type":"ThrottlingException","message":"slow"})"},
                         {"times", 1}}),
                        post({{"status", 503}, {"times", 1}}), post({{"body", token}})}));
        CHECK(Ecr::login().auth == "QVdTOnB3");
        CHECK(ecr.count("POST", "/") == 3);
}

TEST_CASE("A refusal is told in AWS's words, and nothing of the credentials", "[aws-call]")
{
        const Ecr ecr;
        struct Row {
                const char* body;
                const char* reported;
                const char* failure;
        };
        for (const auto& row :
                {Row{R"({"__type":"com.amazon#AccessDeniedException","Message":"User: x is not authorized"})",
                         "AccessDeniedException: User: x is not authorized", "registry-denied"},
                        Row{R"({"__type":"UnrecognizedClientException","message":"bad token"})",
                                "UnrecognizedClientException: bad token", "registry-denied"},
                        Row{"<html>", "status 400", "aws-refused"}}) {
                ecr.answers(Json::array({post({{"status", 400}, {"body", row.body}})}));
                const auto result = refusal([] { Ecr::login(); });
                CHECK(result.failure == row.failure);
                CHECK(result.mentions(row.reported));
                CHECK_FALSE(result.mentions("SECRETKEY"));
                CHECK_FALSE(result.mentions("SESSION"));
        }
}

TEST_CASE("What ECR denies is tried again, for its policy may be attached later", "[aws-call]")
{
        CHECK(failure::registry_denied.status == Errc::unreachable);
        CHECK(failure::registry_denied.status == failure::cluster_denied.status);
}

TEST_CASE("Throttling to the end has a failure of its own, which is tried again", "[aws-call]")
{
        const Ecr ecr;
        ecr.answers(Json::array(
                {post({{"status", 429}, {"body", R"({"__type":"TooManyRequestsException"})"}})}));
        const auto result = refusal([] { Ecr::login(5s); });
        CHECK(result.failure == "aws-throttled");
        CHECK(result.mentions("TooManyRequestsException"));
        CHECK(ecr.count("POST", "/") >= 2);
        CHECK(failure::aws_throttled.status == Errc::unreachable);
}

TEST_CASE("Without credentials the instance's role signs, and EKS verifies the signature", "[aws-call]")
{
        const FakeAws eks;
        eks.set_clusters({{"blue", {{"cluster", {{"endpoint", "https://e"}}}, {"throttled", 1}}},
                {"red", {{"denied", true}}}});
        ::setenv("AWS_ENDPOINT_URL_EKS", eks.endpoint().c_str(), 1);
        ::setenv("EKS_IMDS_ENDPOINT", eks.endpoint().c_str(), 1);
        const auto describe = [](const std::string& name, const std::string& region,
                                      const AwsCredentials& credentials) {
                return Json::parse(aws_call("eks", region,
                        {.host = {}, .path = "/clusters/" + name, .query = {}, .headers = {}, .body = {}},
                        {.credentials = credentials,
                                .endpoint = {},
                                .deadline = std::chrono::steady_clock::now() + 60s}));
        };

        CHECK(describe("blue", "us-west-2", {})["cluster"]["endpoint"] == "https://e");

        struct Row {
                const char* name;
                const char* region;
                AwsCredentials credentials;
                const char* kind;
                const char* role;
        };

        for (const auto& row : {Row{"red", "us-west-2", {}, "AccessDeniedException", "eks-node"},
                     Row{"green", "us-west-2", {}, "ResourceNotFoundException", "eks-node"},
                     Row{"blue", "eu-west-1", {}, "InvalidSignatureException", "eks-node"},
                     Row{"blue", "us-west-2", {"AKIA", "x", "y"}, "UnrecognizedClientException", ""}}) {
                CAPTURE(row.kind);
                try {
                        describe(row.name, row.region, row.credentials);
                        FAIL("answered");
                } catch (const AwsRefused& e) {
                        CHECK(e.kind == row.kind);
                        CHECK(e.role == row.role);
                }
        }

        ::unsetenv("AWS_ENDPOINT_URL_EKS");
        ::unsetenv("EKS_IMDS_ENDPOINT");
}

TEST_CASE("An answer without a token is not repeated in the message", "[aws-call]")
{
        const Ecr ecr;
        for (const auto* body : {"", "QVdTOnB3", "[]", R"({"authorizationData":[]})",
                     R"({"authorizationData":[{"authorizationToken":{"x":"QVdTOnB3"}}]})"}) {
                ecr.answers(Json::array({post({{"body", body}})}));
                const auto result = refusal([] { Ecr::login(); });
                CHECK(result.failure == "aws-answer");
                CHECK_FALSE(result.mentions("QVdTOnB3"));
        }
}

TEST_CASE("An endpoint that is not there ends at the deadline", "[aws-call]")
{
        ::setenv("AWS_ENDPOINT_URL", test::closed_endpoint().c_str(), 1);
        const auto result = refusal([] { Ecr::login(300ms); });
        ::unsetenv("AWS_ENDPOINT_URL");
        CHECK(result.failure == "aws-no-route");
        CHECK(result.remedy.find("VPC endpoint") != std::string::npos);
}

TEST_CASE("A name that is not resolved and a server that fails have their own remedies", "[aws-call]")
{
        const auto name = std::string(64, 'a') + ".example"; // too long for a label: no server is asked
        ::setenv("AWS_ENDPOINT_URL", ("http://" + name + ":1/").c_str(), 1);
        const auto unknown = refusal([] { Ecr::login(300ms); });
        ::unsetenv("AWS_ENDPOINT_URL");
        CHECK(unknown.failure == "aws-unreachable");
        CHECK(unknown.remedy.starts_with("No name server resolves '" + name + "': "));

        const Ecr ecr;
        ecr.answers(Json::array({post({{"status", 503}})}));
        const auto fails = refusal([] { Ecr::login(500ms); });
        CHECK(fails.failure == "aws-unreachable");
        CHECK(fails.remedy.find("answers with errors") != std::string::npos);
}
