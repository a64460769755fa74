// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <catch2/catch.hpp>

#include "net/credentials.hpp"
#include "net/messages.hpp"
#include "servers.hpp"

using namespace eks;
using Json = nlohmann::json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::FakeAws;
using test::refusal;

namespace {

constexpr auto listing = "/latest/meta-data/iam/security-credentials/";
constexpr auto document = "/latest/meta-data/iam/security-credentials/eks-node";

AwsCredentials role_credentials(const FakeAws& aws, std::chrono::milliseconds timeout = 60s)
{
        auto imds = client_of(aws, timeout);
        return credentials_from_role(imds);
}

} // namespace

TEST_CASE("The role's credentials take two requests after the session token", "[credentials]")
{
        const FakeAws aws;
        const auto credentials = role_credentials(aws);
        CHECK(credentials.access_key_id == "ASIAIOSFODNN7EXAMPLE");
        CHECK(credentials.secret_access_key == "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        CHECK(credentials.session_token == "EXAMPLE-SESSION-TOKEN");
        CHECK(aws.requests().size() == 3);
        CHECK(aws.count("GET", listing) == 1);
        CHECK(aws.count("GET", document) == 1);
}

TEST_CASE("A role that comes late is waited for, one that never comes is named", "[credentials]")
{
        const FakeAws aws;
        aws.set_faults(Json::array({{{"path", listing}, {"status", 404}, {"times", 1}},
                {{"path", document}, {"status", 404}, {"times", 1}}}));
        CHECK(role_credentials(aws).access_key_id == "ASIAIOSFODNN7EXAMPLE");
        CHECK(aws.count("GET", listing) == 3);

        aws.set_faults(Json::array({{{"path", listing}, {"status", 404}}}));
        const auto none = refusal([&] { role_credentials(aws, 5s); });
        CHECK(none.failure == "role-missing");
        CHECK(failure::role_missing.status == Errc::unreachable); // it may be attached later
        CHECK(none.mentions("no IAM role"));

        aws.set_faults(Json::array({{{"path", document}, {"status", 404}}}));
        CHECK(refusal([&] { role_credentials(aws, 5s); }).mentions("'eks-node' has no credentials"));
}

TEST_CASE("While a role is waited for, the status says so", "[credentials]")
{
        const FakeAws aws;
        aws.set_faults(Json::array({{{"path", listing}, {"status", 404}, {"times", 2}}}));
        auto imds = client_of(aws, 60s);
        std::vector<std::string> told;
        credentials_from_role(imds, [&](const std::string& text) { told.push_back(text); });
        CHECK(told == std::vector<std::string>(2, "the instance has no IAM role"));
}

TEST_CASE("A role that EC2 cannot assume is a failure of its own", "[credentials]")
{
        const FakeAws aws;
        const Json refused{{"Code", "AssumeRoleUnauthorizedAccess"}, {"Message", "no"}};
        aws.set_faults(Json::array({{{"path", document}, {"body", refused.dump()}}}));
        const auto error = refusal([&] { role_credentials(aws); });
        CHECK(error.failure == "role-missing");
        CHECK(error.mentions("AssumeRoleUnauthorizedAccess"));
}

TEST_CASE("An answer without credentials is refused, and its text is not repeated", "[credentials]")
{
        const FakeAws aws;
        const auto* body = GENERATE("", "SECRET-WORD", "[]", "{\"SecretAccessKey\": \"SECRET-WORD\"}",
                "{\"Code\": \"<SECRET-WORD>\"}",
                "{\"Code\": \"Success\", \"AccessKeyId\": 1, \"SecretAccessKey\": \"SECRET-WORD\", "
                "\"Token\": \"t\"}",
                "{\"Code\": \"Success\", \"AccessKeyId\": \"A\\n\", \"SecretAccessKey\": \"SECRET-WORD\", "
                "\"Token\": "
                "\"t\"}");
        aws.set_faults(Json::array({{{"path", document}, {"body", body}}}));
        const auto error = refusal([&] { role_credentials(aws); });
        CHECK(error.failure == "imds-answer");
        CHECK_FALSE(error.mentions("SECRET-WORD"));
}

TEST_CASE("A listing that is an error page names no role", "[credentials]")
{
        const FakeAws aws;
        aws.set_faults(Json::array({{{"path", listing}, {"body", "<html>gateway</html>"}}}));
        CHECK(refusal([&] { role_credentials(aws); }).failure == "imds-answer");
        CHECK(aws.count("GET", document) == 0);
}

TEST_CASE("Credentials of the environment come first, and whole", "[credentials]")
{
        const auto with = [](const char* id, const char* secret, const char* token) {
                return test::captured_child([=] {
                        ::setenv("AWS_ACCESS_KEY_ID", id, 1);
                        ::setenv("AWS_SECRET_ACCESS_KEY", secret, 1);
                        ::setenv("AWS_SESSION_TOKEN", token, 1);

                        try {
                                // Nobody listens at the endpoint: it must not be asked.
                                const auto found = aws_credentials(
                                        {.endpoint = "http://127.0.0.1:1", .timeout = 300ms});
                                return found.access_key_id == id && found.secret_access_key == secret &&
                                                       found.session_token == token
                                               ? 0
                                               : 1;
                        } catch (const Error& e) {
                                return e.failure().name == "credentials-missing" ? 10 : 11;
                        }
                }).status;
        };

        CHECK(with("AKID", "secret", "token") == 0);
        CHECK(with("AKID", "secret", "") == 0);
        CHECK(with("AKID", "", "") == 10);
        CHECK(with("", "secret", "") == 10);
        CHECK(with("", "", "token") == 11); // the metadata service is asked, and is not there
}

TEST_CASE("The metadata service's address is ours, else the SDKs', else the usual one", "[credentials]")
{
        const auto with = [](const char* ours, const char* sdk) {
                return test::captured_child([=] {
                        ::setenv("EKS_IMDS_ENDPOINT", ours, 1);
                        ::setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", sdk, 1);
                        std::fprintf(stderr, "%s", imds_endpoint().c_str());
                        return 0;
                });
        };

        CHECK(with("", "").err == "http://169.254.169.254");
        CHECK(with("http://[fd00:ec2::254]", "http://127.0.0.1/").err == "http://[fd00:ec2::254]");
        CHECK(with("", "http://127.0.0.1/").err == "http://127.0.0.1");
        CHECK(with("", "https://127.0.0.1").status == 99);
}
