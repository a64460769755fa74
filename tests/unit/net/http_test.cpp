// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <set>

#include <catch2/catch.hpp>

#include "net/http.hpp"
#include "servers.hpp"

using namespace eks;
using Json = nlohmann::json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::FakeAws;

namespace {

constexpr auto plenty = 60s;

// Both transports keep the same promises.
HttpClient any_client()
{
        return GENERATE(false, true) ? HttpClient(curl_http()) : HttpClient(plain_http());
}

HttpOptions within(std::chrono::milliseconds time)
{
        return {.first_delay = 10ms, .deadline = std::chrono::steady_clock::now() + time};
}

std::string deadline_text(
        HttpClient& client, const std::vector<HttpRequest>& requests, const HttpOptions& options)
{
        try {
                client.fetch(requests, options);
        } catch (const HttpDeadline& e) {
                return e.what();
        }
        return "(answered)";
}

HttpRequest with_token(const FakeAws& aws, HttpClient& client, const std::string& path)
{
        const auto token = client.fetch({{.method = "PUT",
                                                .url = aws.endpoint() + "/latest/api/token",
                                                .headers = {"X-aws-ec2-metadata-token-ttl-seconds: 60"}}},
                                         within(plenty))
                                   .at(0)
                                   .body;
        return {.url = aws.endpoint() + path, .headers = {"X-aws-ec2-metadata-token: " + token}};
}

} // namespace

TEST_CASE("Answers come in the order of the requests, over few connections", "[http]")
{
        const FakeAws aws;
        auto client = any_client();
        auto request = with_token(aws, client, "");
        std::vector<HttpRequest> requests;

        for (int round = 0; round < 5; ++round)
                for (const auto* path : {"mac", "nothing/here", "local-ipv4", "instance-type"}) {
                        requests.push_back(request);
                        requests.back().url = aws.endpoint() + "/latest/meta-data/" + path;
                }

        const auto answers = client.fetch(requests, within(plenty));
        REQUIRE(answers.size() == requests.size());

        for (std::size_t i = 0; i < answers.size(); i += 4) {
                CHECK(answers[i].body == "0e:11:22:33:44:01");
                CHECK(answers[i + 1].status == 404);
                CHECK(answers[i + 2].body == "10.0.0.1");
                CHECK(answers[i + 3].body == "m5.large");
                CHECK(answers[i + 3].headers.at("content-type") == "text/plain");
                CHECK(answers[i + 3].headers.at("server") == "EC2ws");
        }

        std::set<int> connections;
        for (const auto& seen : aws.requests())
                connections.insert(seen["connection"].get<int>());
        CHECK(connections.size() <= 4);
        CHECK(client.fetch({}, within(plenty)).empty());
}

TEST_CASE("An answer is an answer, whatever its status below 500", "[http]")
{
        const FakeAws aws;
        auto client = any_client();

        for (const int status : {200, 301, 400, 401, 403, 404, 405}) {
                CAPTURE(status);
                aws.set_faults({{{"path", "/x"}, {"status", status}, {"body", "text"}}});
                const auto answers = client.fetch({{.url = aws.endpoint() + "/x"}}, within(plenty));
                CHECK(answers.at(0).status == status);
                CHECK(answers.at(0).body == "text");
        }

        CHECK(aws.count("GET", "/x") == 7);
}

namespace {

// What an attempt says that no other follows.
std::string unusable_text(const HttpRequest& request)
{
        HttpClient client(curl_http());
        auto options = within(plenty);
        unsigned retries = 0;
        options.on_retry = [&](const std::string&) { ++retries; };

        try {
                client.fetch({request}, options);
        } catch (const HttpUnusable& e) {
                return retries == 0 ? e.what() : "(tried again)";
        }

        return "(answered)";
}

} // namespace

TEST_CASE("An untrusted certificate is not tried again", "[http]")
{
        const test::TlsServer server;
        const auto text = unusable_text({.url = server.endpoint() + "/"});
        CHECK(text.starts_with("GET https://localhost:"));
        CHECK(text.find("certificate") != std::string::npos);
}

TEST_CASE("A URL or proxy that makes no sense is not tried again, nor shown with its password", "[http]")
{
        CHECK(unusable_text({.url = "http://[::1"}).starts_with("GET http://[::1: "));
        CHECK(unusable_text({.url = "nonsense://host/"}).find("not supported") != std::string::npos);
        CHECK(unusable_text({.url = "http://user:hunter2@host:port/"}).find("hunter2") == std::string::npos);

        ::setenv("http_proxy", "http://user:hunter2@[broken", 1);
        CHECK(unusable_text({.url = "http://127.0.0.1/"}) ==
                "GET http://127.0.0.1/: the proxy that the environment names is malformed");

        ::unsetenv("http_proxy");
}

TEST_CASE("A temporary failure is retried until it ends", "[http]")
{
        const FakeAws aws;
        auto client = any_client();
        auto request = with_token(aws, client, "/latest/meta-data/mac");
        struct Row {
                const char* name;
                Json fault;
        };

        for (const auto& row : std::vector<Row>{{"500", {{"status", 500}}}, {"503", {{"status", 503}}},
                     {"504", {{"status", 504}}}, {"429", {{"status", 429}}}, {"hang up", {{"close", true}}},
                     {"half an answer", {{"truncate", 3}}}, {"noise", {{"garbage", 200}}}}) {
                CAPTURE(row.name);
                auto fault = row.fault;
                fault["path"] = "/latest/meta-data/mac";
                fault["times"] = 2;
                aws.set_faults(Json::array({fault}));
                const auto before = aws.count("GET", "/latest/meta-data/mac");
                auto options = within(plenty);
                std::vector<std::string> retries;
                options.on_retry = [&](const std::string& text) { retries.push_back(text); };
                const auto answer = client.fetch({request}, options).at(0);
                CHECK(answer.status == 200);
                CHECK(answer.body == "0e:11:22:33:44:01");
                // libcurl repeats a request by itself when a kept connection was closed.
                REQUIRE_FALSE(retries.empty());
                CHECK(retries.size() <= 2);
                CHECK(retries.front().starts_with("GET " + request.url + ": "));
                CHECK(aws.count("GET", "/latest/meta-data/mac") - before == 3);
        }
}

TEST_CASE("One request that fails does not spoil the others", "[http]")
{
        const FakeAws aws;
        auto client = any_client();
        auto bad = with_token(aws, client, "/latest/meta-data/mac");
        auto good = bad;
        good.url = aws.endpoint() + "/latest/meta-data/local-ipv4";
        aws.set_faults({{{"path", "/latest/meta-data/mac"}, {"status", 503}, {"times", 1}}});
        const auto answers = client.fetch({bad, good}, within(plenty));
        CHECK(answers.at(0).body == "0e:11:22:33:44:01");
        CHECK(answers.at(1).body == "10.0.0.1");
        CHECK(aws.count("GET", "/latest/meta-data/local-ipv4") == 1);
}

TEST_CASE("At the deadline every request that failed is named with what came last", "[http]")
{
        const FakeAws aws;
        auto client = any_client();
        aws.set_faults(
                {{{"path", "/bad"}, {"status", 503}}, {{"path", "/good"}, {"status", 200}, {"body", "x"}}});
        const auto name = "GET " + aws.endpoint() + "/bad: ";
        std::vector<std::string> causes;
        auto options = within(2s);
        options.on_retry = [&](const std::string& reported) {
                REQUIRE(reported.starts_with(name));
                causes.push_back(reported.substr(name.size(), reported.rfind(" (attempt ") - name.size()));
        };

        const auto text = deadline_text(
                client, {{.url = aws.endpoint() + "/bad"}, {.url = aws.endpoint() + "/good"}}, options);
        REQUIRE_FALSE(causes.empty());
        CHECK(causes.front() == "status 503");
        CHECK(text.starts_with(name + "tried "));

        // The deadline may have cut the last one off.
        CHECK(text.ends_with(", last " + causes.back()));
        CHECK(text.find("/good") == std::string::npos);

        // The client is as good as new.
        CHECK(client.fetch({{.url = aws.endpoint() + "/good"}}, within(plenty)).at(0).body == "x");
}

TEST_CASE("A closed port and a silent server end at the deadline", "[http]")
{
        auto client = any_client();
        const auto url = test::closed_endpoint() + "/x";
        const auto refused = deadline_text(client, {{.url = url}}, within(2s));
        CHECK(refused.starts_with("GET " + url + ": tried "));
        CHECK(refused.find("connect") != std::string::npos);

        HttpClient plain(plain_http());
        CHECK(deadline_text(plain, {{.url = url}}, within(500ms)).ends_with("Connection refused"));

        const FakeAws aws;
        aws.set_faults({{{"path", "/x"}, {"hang", true}}});

        // Much longer than an attempt: on a busy machine the first one may end late, and one that the
        // deadline has cut off has no cause.
        auto options = within(2s);
        options.attempt_timeout = 50ms;
        const auto silent = deadline_text(client, {{.url = aws.endpoint() + "/x"}}, options);
        CHECK(silent.find("timed out") != std::string::npos);

        const auto too_late = deadline_text(client, {{.url = url}}, within(0ms));
        CHECK(too_late == "GET " + url + ": tried 0 times, no answer");
}

TEST_CASE("An answer above its limit is not used", "[http]")
{
        const FakeAws aws;
        auto client = any_client();
        aws.set_faults({{{"path", "/x"}, {"status", 200}, {"body", std::string(1000, 'x')}}});
        CHECK(client.fetch({{.url = aws.endpoint() + "/x", .body_limit = 1000}}, within(plenty))
                        .at(0)
                        .body.size() == 1000);
        CHECK(deadline_text(client, {{.url = aws.endpoint() + "/x", .body_limit = 999}}, within(100ms)) !=
                "(answered)");
}

TEST_CASE("No proxy comes between us and a link-local address", "[http]")
{
        const FakeAws aws;
        aws.set_faults({{{"path", "/x"}, {"status", 200}, {"body", "direct"}}});

        const auto nowhere = test::closed_endpoint();
        for (const auto* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
                ::setenv(name, nowhere.c_str(), 1);
        HttpClient client(plain_http());
        CHECK(client.fetch({{.url = aws.endpoint() + "/x"}}, within(plenty)).at(0).body == "direct");

        for (const auto* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
                ::unsetenv(name);
}

TEST_CASE("429 is an answer for callers that read it", "[http]")
{
        const FakeAws aws;
        aws.set_faults(Json::array({{{"path", "/slow"}, {"status", 429}, {"times", 1}}}));
        auto client = any_client();
        auto options = within(plenty);
        options.retry_429 = false;
        options.jitter = true;
        CHECK(client.fetch({{.url = aws.endpoint() + "/slow"}}, options).at(0).status == 429);

        aws.set_faults(Json::array(
                {{{"path", "/slow"}, {"status", 429}, {"times", 1}}, {{"path", "/slow"}, {"body", "x"}}}));
        options.retry_429 = true;
        CHECK(client.fetch({{.url = aws.endpoint() + "/slow"}}, options).at(0).body == "x");
}
