// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <set>

#include <catch2/catch.hpp>

#include "net/imds.hpp"
#include "servers.hpp"
#include "steps/imds/imds.hpp"

using namespace eks;
using Json = nlohmann::json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::FakeAws;
using test::refusal;

namespace {

constexpr auto token_path = "/latest/api/token";
constexpr auto mac_path = "/latest/meta-data/mac";

// Environment variables while a test runs.
class Variables {
public:
        Variables() = default;
        Variables(const Variables&) = delete;
        Variables& operator=(const Variables&) = delete;
        ~Variables()
        {
                for (const auto& name : names_)
                        ::unsetenv(name.c_str());
        }

        void set(const std::string& name, const std::string& value)
        {
                ::setenv(name.c_str(), value.c_str(), 1);
                names_.insert(name);
        }

private:
        std::set<std::string> names_;
};

} // namespace

TEST_CASE("Metadata is asked for with one token, and only with it", "[imds-client]")
{
        const FakeAws aws;
        auto client = client_of(aws);
        const auto bodies =
                client.fetch({"meta-data/mac", "meta-data/nothing", "meta-data/local-ipv4", "user-data"});
        REQUIRE(bodies.size() == 4);
        CHECK(bodies[0] == "0e:11:22:33:44:01");
        CHECK_FALSE(bodies[1]);
        CHECK(bodies[2] == "10.0.0.1");
        CHECK_FALSE(bodies[3]);
        CHECK(client.fetch({"meta-data/instance-type"}).at(0) == "m5.large");
        CHECK(client.fetch({}).empty());
        CHECK(aws.count("PUT", token_path) == 1);

        for (const auto& request : aws.requests())
                CHECK((request["method"] == "PUT" || request["token"] == true));
}

TEST_CASE("An empty answer is one, and user data comes byte for byte", "[imds-client]")
{
        const FakeAws aws;
        const std::string bytes("\x1f\x8b\0\r\n\xff", 6);
        aws.set_user_data(bytes);
        CHECK(client_of(aws).fetch({"user-data"}).at(0) == bytes);
        aws.set_user_data("");
        CHECK(client_of(aws).fetch({"user-data"}).at(0) == "");
}

TEST_CASE("A service that hands out no token has refused", "[imds-client]")
{
        const FakeAws aws;
        for (const int status : {400, 403, 404, 405}) {
                CAPTURE(status);
                aws.set_faults({{{"path", token_path}, {"status", status}}});
                auto client = client_of(aws);
                const auto result = refusal([&] { client.fetch({"meta-data/mac"}); });
                CHECK(result.failure == "imds-refused");
                CHECK(result.mentions("status " + std::to_string(status)));
                CHECK_FALSE(result.remedy.empty());
        }

        CHECK(aws.count("GET", mac_path) == 0); // never without a token
}

TEST_CASE("An invalid token is not sent on", "[imds-client]")
{
        const FakeAws aws;
        for (const auto* body : {"", " \n", "two words", "a\nb", "<html>\n<body>login</body></html>"}) {
                CAPTURE(body);
                aws.set_faults({{{"path", token_path}, {"status", 200}, {"body", body}}});
                auto client = client_of(aws);
                CHECK(refusal([&] { client.fetch({"meta-data/mac"}); }).failure == "imds-answer");
        }

        CHECK(aws.count("GET", mac_path) == 0);
}

TEST_CASE("After a refusal the same client asks for a token again", "[imds-client]")
{
        const FakeAws aws;
        aws.set_faults({{{"path", token_path}, {"status", 403}, {"times", 1}}});
        auto client = client_of(aws);
        CHECK(refusal([&] { client.fetch({"meta-data/mac"}); }).failure == "imds-refused");

        std::optional<std::string> mac;
        CHECK(refusal([&] { mac = client.fetch({"meta-data/mac"}).at(0); }).failure == "nothing");
        CHECK(mac == "0e:11:22:33:44:01");

        for (const auto& request : aws.requests())
                CHECK(request["status"] != 400); // no header of an error page
}

TEST_CASE("A token that has run out is replaced once", "[imds-client]")
{
        const FakeAws aws;
        auto client = client_of(aws);
        CHECK(client.fetch({"meta-data/mac"}).at(0) == "0e:11:22:33:44:01");

        aws.set_faults({{{"path", mac_path}, {"status", 401}, {"times", 1}}});
        const auto bodies = client.fetch({"meta-data/local-ipv4", "meta-data/mac"});
        CHECK(bodies.at(0) == "10.0.0.1");
        CHECK(bodies.at(1) == "0e:11:22:33:44:01");
        CHECK(aws.count("PUT", token_path) == 2);

        aws.set_faults({{{"path", mac_path}, {"status", 401}}});
        const auto result = refusal([&] { client.fetch({"meta-data/mac"}); });
        CHECK(result.failure == "imds-answer");
        CHECK(result.mentions("status 401 for 'meta-data/mac'"));
}

TEST_CASE("A status that means neither yes nor no is an error with its path", "[imds-client]")
{
        const FakeAws aws;
        for (const int status : {301, 400, 403, 405}) {
                CAPTURE(status);
                aws.set_faults({{{"path", mac_path}, {"status", status}}});
                auto client = client_of(aws);
                const auto result = refusal([&] {
                        client.fetch({"meta-data/local-ipv4", "meta-data/mac"});
                });

                CHECK(result.failure == "imds-answer");
                CHECK(result.mentions("status " + std::to_string(status) + " for 'meta-data/mac'"));
        }
}

TEST_CASE("Each way to be refused has its own remedy", "[imds-client]")
{
        const FakeAws aws;
        struct Row {
                int status;
                const char* part;
        };

        for (const auto& row : {Row{401, "HttpPutResponseHopLimit"}, Row{403, "--http-endpoint enabled"},
                     Row{404, "EKS_IMDS_ENDPOINT"}, Row{503, "fails"}})
                for (const auto* path : {token_path, mac_path}) {
                        if (row.status == 404 && path == mac_path)
                                continue; // an answer

                        CAPTURE(row.status, path);
                        aws.set_faults({{{"path", path}, {"status", row.status}}});
                        auto client = client_of(aws, row.status == 503 ? 500ms : 60s);
                        const auto result = refusal([&] { client.fetch({"meta-data/mac"}); });
                        CHECK(result.remedy.find(row.part) != std::string::npos);
                }

        aws.set_faults({{{"path", token_path}, {"hang", true}}});
        auto silent = client_of(aws, 500ms);
        CHECK(refusal([&] { silent.fetch({"meta-data/mac"}); }).remedy.find("HttpPutResponseHopLimit") !=
                std::string::npos);

        ImdsClient nobody({.endpoint = test::closed_endpoint(), .timeout = 200ms});
        CHECK(refusal([&] { nobody.fetch({"meta-data/mac"}); }).remedy.find("never refuses") !=
                std::string::npos);
}

TEST_CASE("Failures that pass are waited out, and each is told", "[imds-client]")
{
        const FakeAws aws;
        aws.set_faults({{{"path", token_path}, {"status", 503}, {"times", 2}},
                {{"path", mac_path}, {"close", true}, {"times", 1}}});
        std::vector<std::string> retries;
        ImdsClient client({.endpoint = aws.endpoint(),
                .timeout = 60s,
                .on_retry = [&](const std::string& text) { retries.push_back(text); }});
        CHECK(client.fetch({"meta-data/mac"}).at(0) == "0e:11:22:33:44:01");
        REQUIRE(retries.size() >= 2);
        CHECK(retries[0].starts_with("PUT " + aws.endpoint() + token_path + ": status 503"));
}

TEST_CASE("A silent service ends at the deadline with what was tried", "[imds-client]")
{
        const FakeAws aws;
        aws.set_faults({{{"path", token_path}, {"hang", true}}});
        auto client = client_of(aws, 900ms);
        const auto result = refusal([&] { client.fetch({"meta-data/mac"}); });
        CHECK(result.failure == "imds-unreachable");
        CHECK(result.mentions("the instance metadata service gave no usable answer in 0.9 s: PUT " +
                              aws.endpoint() + "/latest/api/token: tried 1 time"));
        CHECK_FALSE(result.remedy.empty());

        // The deadline is for everything this client does.
        aws.set_faults(Json::array());
        CHECK(refusal([&] { client.fetch({"meta-data/mac"}); }).failure == "imds-unreachable");

        ImdsClient nobody({.endpoint = test::closed_endpoint(), .timeout = 200ms});
        CHECK(refusal([&] { nobody.fetch({"meta-data/mac"}); }).failure == "imds-unreachable");
}

TEST_CASE("An answer without end is not taken in", "[imds-client]")
{
        const FakeAws aws;
        aws.set_user_data(std::string(65U << 10U, 'x'));
        auto client = client_of(aws, 500ms);
        CHECK(refusal([&] { client.fetch({"user-data"}); }).failure == "imds-unreachable");
        aws.set_user_data(std::string(64U << 10U, 'x'));
        CHECK(client_of(aws).fetch({"user-data"}).at(0).value().size() == 64U << 10U);
}

TEST_CASE("All facts of an instance come over one token and few connections", "[imds-client]")
{
        const FakeAws aws;
        aws.set_user_data("apiVersion: node.eks.aws/v1alpha1\n");
        auto client = client_of(aws);
        const auto plan =
                plan_imds([&](const std::vector<ImdsItem>& items) { return client.wait_for(items); });
        CHECK(Json::parse(plan.files.at(0).content) == Json::parse(R"({
                "instanceId": "i-0123456789abcdef0", "instanceType": "m5.large", "region": "us-west-2", "availabilityZone": "us-west-2a",
                "availabilityZoneId": "usw2-az1", "partition": "aws", "domain": "amazonaws.com", "accountId": "111122223333",
                "amiId": "ami-0b1c2d3e4f5061728", "architecture": "x86_64", "lifecycle": "on-demand",
                "localHostname": "ip-10-0-0-1.us-west-2.compute.internal", "mac": "0e:11:22:33:44:01", "localIpv4": "10.0.0.1",
                "tags": {"Name": "eks-node-1", "team": "a"},
                "interfaces": [{"mac": "0e:11:22:33:44:01", "deviceNumber": 0, "networkCard": 0, "localIpv4s": ["10.0.0.1"], "ipv6s": [],
                                "vpcIpv4Cidrs": ["10.0.0.0/16"], "vpcIpv6Cidrs": [], "subnetIpv4Cidr": "10.0.0.0/20"}]})"));
        CHECK(plan.files.at(1).content == "apiVersion: node.eks.aws/v1alpha1\n");

        std::set<int> connections;
        for (const auto& request : aws.requests())
                connections.insert(request["connection"].get<int>());
        CHECK(aws.count("PUT", token_path) == 1);
        CHECK(connections.size() <= 4);
}

TEST_CASE("What an instance does not have yet is asked for again, alone", "[imds-client]")
{
        const FakeAws aws;
        aws.set_faults({{{"path", mac_path}, {"status", 404}, {"times", 3}}});
        std::vector<std::string> reported;
        ImdsClient client({.endpoint = aws.endpoint(),
                .timeout = 30s,
                .on_retry = [&](const std::string& text) { reported.push_back(text); }});
        const auto bodies = client.wait_for(
                {{"meta-data/mac", Absence::not_yet}, {"meta-data/local-ipv4"}, {"meta-data/nothing"}});
        CHECK(bodies.at(0) == "0e:11:22:33:44:01");
        CHECK(bodies.at(1) == "10.0.0.1");
        CHECK_FALSE(bodies.at(2));
        CHECK(aws.count("GET", mac_path) == 4);
        CHECK(aws.count("GET", "/latest/meta-data/local-ipv4") == 1);
        REQUIRE(reported.size() == 3);
        CHECK(reported[0] == "'meta-data/mac' is not there yet (status 404)");
}

TEST_CASE("What every instance has and this one lacks at the deadline is a failure", "[imds-client]")
{
        const FakeAws aws;
        aws.set_faults({{{"path", mac_path}, {"status", 404}}});
        ImdsClient client({.endpoint = aws.endpoint(), .timeout = 2s});
        const auto result = refusal([&] { client.wait_for({{"meta-data/mac", Absence::not_yet}}); });
        CHECK(result.failure == "imds-answer");
        CHECK(result.mentions("'meta-data/mac' after 2 s"));
        CHECK(aws.count("GET", mac_path) > 1);
}

TEST_CASE("User data may come a little later, and may be absent", "[imds-client]")
{
        const FakeAws aws;
        aws.set_user_data("late");
        aws.set_faults({{{"path", "/latest/user-data"}, {"status", 404}, {"times", 2}}});
        ImdsClient client({.endpoint = aws.endpoint(), .timeout = 30s, .patience = [] { return 20s; }});
        CHECK(client.wait_for({{"user-data", Absence::soon_answer}}).at(0) == "late");

        aws.set_faults({{{"path", "/latest/user-data"}, {"status", 404}}});
        ImdsClient hasty({.endpoint = aws.endpoint(), .timeout = 30s, .patience = [] { return 0s; }});
        CHECK_FALSE(hasty.wait_for({{"user-data", Absence::soon_answer}}).at(0));
}

TEST_CASE("How long to be patient is asked only for what is not there", "[imds-client]")
{
        const FakeAws aws;
        aws.set_user_data("here");
        int asked = 0;
        ImdsClient client({.endpoint = aws.endpoint(), .timeout = 30s, .patience = [&] {
                                   ++asked;
                                   return 0s;
                           }});

        client.wait_for({{"user-data", Absence::soon_answer}, {"meta-data/nothing"}});
        CHECK(asked == 0);

        client.wait_for({{"meta-data/nothing", Absence::soon_answer}});
        CHECK(asked == 1);
}

TEST_CASE("The endpoint that answers first is asked, and the first one alone if it answers at once",
        "[imds-client]")
{
        const FakeAws first;
        const FakeAws other;
        ImdsClient client(
                {.endpoint = first.endpoint(), .timeout = 60s, .other_endpoint = other.endpoint()});
        CHECK(client.fetch({"meta-data/mac"}).at(0) == "0e:11:22:33:44:01");
        CHECK(other.requests().empty());

        first.set_faults({{{"path", "*"}, {"hang", true}}});
        ImdsClient silent(
                {.endpoint = first.endpoint(), .timeout = 60s, .other_endpoint = other.endpoint()});
        CHECK(silent.fetch({"meta-data/mac"}).at(0) == "0e:11:22:33:44:01");
        CHECK(other.count("GET", mac_path) == 1);

        const auto begin = std::chrono::steady_clock::now();
        ImdsClient closed(
                {.endpoint = test::closed_endpoint(), .timeout = 60s, .other_endpoint = other.endpoint()});
        CHECK(closed.fetch({"meta-data/mac"}).at(0) == "0e:11:22:33:44:01");
        CHECK(std::chrono::steady_clock::now() - begin < 10s);
        CHECK(other.count("GET", mac_path) == 2);
        CHECK(other.count("PUT", token_path) == 2);
}

TEST_CASE("The other endpoint may be closed to an instance whose service is on", "[imds-client]")
{
        const FakeAws first;
        const FakeAws other;
        first.set_faults({{{"path", token_path}, {"status", 503}, {"times", 4}}});

        for (const int status : {400, 403, 404}) {
                CAPTURE(status);
                other.set_faults({{{"path", "*"}, {"status", status}}});
                ImdsClient client(
                        {.endpoint = first.endpoint(), .timeout = 60s, .other_endpoint = other.endpoint()});
                CHECK(client.fetch({"meta-data/mac"}).at(0) == "0e:11:22:33:44:01");
        }

        CHECK(other.count("PUT", token_path) > 0);
        CHECK(other.count("GET", mac_path) == 0);
}

TEST_CASE("The service is off if it refuses a token, and soon if connections are refused", "[imds-client]")
{
        const FakeAws aws;
        const auto begin = std::chrono::steady_clock::now();
        aws.set_faults({{{"path", token_path}, {"status", 403}}});
        auto client = client_of(aws);
        CHECK_THROWS_AS(client.fetch({"meta-data/mac"}), ImdsOff);
        CHECK(aws.count("PUT", token_path) == 1);

        for (const std::string other : {"", "x"}) {
                ImdsClient refused({.endpoint = test::closed_endpoint(),
                        .timeout = 300s,
                        .other_endpoint = other.empty() ? other : test::closed_endpoint(),
                        .refusal_means_off = true});
                CHECK_THROWS_AS(refused.fetch({"meta-data/mac"}), ImdsOff);
        }

        CHECK(std::chrono::steady_clock::now() - begin < 60s);
}

TEST_CASE("A service that is late is not off", "[imds-client]")
{
        const FakeAws aws;
        for (const auto& fault : {Json{{"status", 503}}, Json{{"status", 429}}, Json{{"close", true}},
                     Json{{"hang", true}}, Json{{"garbage", 50}}, Json{{"status", 404}}}) {
                CAPTURE(fault);
                auto always = fault;
                always["path"] = "*";
                aws.set_faults(Json::array({always}));
                ImdsClient client({.endpoint = aws.endpoint(), .timeout = 1s, .refusal_means_off = true});
                try {
                        client.fetch({"meta-data/mac"});
                        FAIL("it has an answer");
                } catch (const ImdsOff&) {
                        FAIL("it is taken for off");
                } catch (const Error&) {
                }
        }

        // A program may listen later at an endpoint that somebody has configured.
        ImdsClient later({.endpoint = test::closed_endpoint(), .timeout = 1500ms});
        try {
                later.fetch({"meta-data/mac"});
        } catch (const ImdsOff&) {
                FAIL("it is taken for off");
        } catch (const Error& e) {
                CHECK(std::string(e.what()).find("gave no usable answer in 1.5 s") != std::string::npos);
        }
}

TEST_CASE("The variables of the AWS SDKs choose the endpoint", "[imds-client]")
{
        Variables variables;
        CHECK(imds_endpoint() == "http://169.254.169.254");

        for (const auto* mode : {"IPv6", "ipv6"}) {
                variables.set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", mode);
                CHECK(imds_endpoint() == "http://[fd00:ec2::254]");
        }
        variables.set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4");
        CHECK(imds_endpoint() == "http://169.254.169.254");
        variables.set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5");
        const auto result = refusal([] { imds_endpoint(); });
        CHECK(result.failure == "usage");
        CHECK(result.mentions("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv5"));

        variables.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fd00::1]:81/");
        CHECK(imds_endpoint() == "http://[fd00::1]:81");
        variables.set("EKS_IMDS_ENDPOINT", "http://10.0.0.1");
        CHECK(imds_endpoint() == "http://10.0.0.1");
}

TEST_CASE("A service that must not be asked is not", "[imds-client]")
{
        const FakeAws aws;
        Variables variables;

        for (const auto* value : {"true", "True"}) {
                variables.set("AWS_EC2_METADATA_DISABLED", value);
                auto client = client_of(aws);
                CHECK_THROWS_AS(client.fetch({"meta-data/mac"}), ImdsOff);
        }
        CHECK(aws.requests().empty());

        variables.set("AWS_EC2_METADATA_DISABLED", "false");
        CHECK(client_of(aws).fetch({"meta-data/mac"}).at(0) == "0e:11:22:33:44:01");
}
