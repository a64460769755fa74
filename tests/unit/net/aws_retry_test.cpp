// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <numeric>

#include <catch2/catch.hpp>

#include "net/aws_world.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::chrono_literals;
using test::refusal;

namespace {

// AWS and a clock that moves only in a wait. Answers come in order; the last one stands.
struct World {
        std::vector<HttpResponse> answers;
        std::vector<AwsCredentials> roles{{"ASIA1", "SECRET1", "TOKEN1", "eks-node"}};
        double random = 0.5;
        std::chrono::system_clock::time_point clock = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

        std::vector<std::chrono::milliseconds> waits = {};
        std::vector<std::vector<std::string>> sent = {}; // the headers of each attempt
        std::vector<std::string> warnings = {};
        std::size_t fetched = 0; // credentials of the role
        std::chrono::steady_clock::time_point now{1000s};

        AwsWorld world{
                .attempt =
                        [this](const HttpRequest& request, std::chrono::milliseconds) {
                                const auto& answer = answers[std::min(sent.size(), answers.size() - 1)];
                                sent.push_back(request.headers);
                                HttpAttempt attempt{.request = &request, .response = answer, .ended = true};
                                if (answer.status == 0)
                                        attempt.failure = "Connection reset by peer";
                                return attempt;
                        },
                .now = [this] { return now; },
                .clock = [this] { return clock; },
                .sleep =
                        [this](std::chrono::milliseconds time) {
                                waits.push_back(time);
                                now += time;
                        },
                .random = [this] { return random; },
                .credentials =
                        [this](const AwsCallOptions&) {
                                return roles[std::min(fetched++, roles.size() - 1)];
                        }};

        std::string call(std::chrono::milliseconds limit = 60s, std::chrono::milliseconds throttled = 0s)
        {
                return aws_call_in(world, "eks", "us-west-2",
                        {.host = {}, .path = "/clusters/blue", .query = {}, .headers = {}, .body = {}},
                        {.credentials = {},
                                .endpoint = {},
                                .deadline = now + limit,
                                .throttled_deadline = now + throttled,
                                .action = "eks:DescribeCluster",
                                .on_warning = [this](const std::string& text) {
                                        warnings.push_back(text);
                                }});
        }

        std::string date(std::size_t attempt) const
        {
                for (const auto& header : sent.at(attempt))
                        if (header.starts_with("X-Amz-Date: "))
                                return header.substr(12);
                return {};
        }
};

HttpResponse error(long status, const std::string& kind, const std::string& message = "no")
{
        return {.status = status,
                .body = R"({"__type":")" + kind + R"(","message":")" + message + "\"}",
                .headers = {}};
}

const HttpResponse reset{}; // no answer
const HttpResponse done{.status = 200, .body = "{}", .headers = {}};

struct Variable {
        Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
        Variable(const Variable&) = delete;
        Variable& operator=(const Variable&) = delete;
        ~Variable() { ::unsetenv(name_); }

private:
        const char* name_;
};

} // namespace

TEST_CASE("Waits double with full jitter, from 50 ms after a failure and from 1 s after throttling",
        "[aws-retry]")
{
        RetryQuota quota;
        AwsRetry retry(quota, 0);
        for (const auto expected : {25ms, 50ms, 100ms, 200ms})
                CHECK(retry.next_delay(AwsFault::transient, 0.5, 1h) == expected);
        for (const auto expected : {500ms, 1000ms, 2000ms})
                CHECK(retry.next_delay(AwsFault::throttled, 0.5, 1h) == expected);

        CHECK(retry.next_delay(AwsFault::throttled, 0, 1h) == 0ms);
        CHECK_FALSE(retry.is_last(9));

        for (int i = 0; i < 20; ++i)
                CHECK(retry.next_delay(AwsFault::transient, 1, 1h) <= 20s);

        // Once at a random time before the deadline, and not more and more often as it comes near.
        CHECK(retry.next_delay(AwsFault::throttled, 0.5, 3s) == 1500ms);
        CHECK(retry.is_last(9));
}

TEST_CASE("A program that has used its quota retries rarely", "[aws-retry]")
{
        RetryQuota quota;
        unsigned taken = 0;
        while (quota.take(AwsFault::transient))
                ++taken;
        CHECK(taken == 35); // of 14 tokens each, from 500

        AwsRetry fresh(quota, 0);
        CHECK(fresh.next_delay(AwsFault::transient, 1, 1h) == 20s);
        quota.give_back();
        CHECK(AwsRetry(quota, 0).next_delay(AwsFault::transient, 1, 1h) == 50ms);
}

TEST_CASE("Codes and states of throttling and of passing failures", "[aws-retry]")
{
        CHECK(is_throttling("RequestLimitExceeded", 503)); // of EC2
        CHECK(is_throttling("", 429));
        CHECK(is_throttling("ThrottlingException", 400));
        CHECK_FALSE(is_throttling("AccessDeniedException", 403));
        CHECK(is_transient("", 502));
        CHECK(is_transient("InternalFailure", 400));
        CHECK_FALSE(is_transient("", 501));
        CHECK_FALSE(is_transient("ValidationError", 400));
}

TEST_CASE("A call is tried until it succeeds, and gives up at the deadline of its kind", "[aws-retry]")
{
        World passes{.answers = {reset, error(503, "RequestLimitExceeded"), error(500, ""), done}};
        CHECK(passes.call() == "{}");
        CHECK(passes.waits == std::vector<std::chrono::milliseconds>{25ms, 500ms, 50ms});

        World throttles{.answers = {error(429, "ThrottlingException")}};
        const auto result = refusal([&] { throttles.call(10s, 600s); });
        CHECK(result.failure == "aws-throttled");
        const auto waited = std::accumulate(throttles.waits.begin(), throttles.waits.end(), 0ms);
        CHECK(waited > 500s); // not only until the other deadline
        CHECK(waited <= 600s);

        World resets{.answers = {reset}};
        CHECK(refusal([&] { resets.call(10s, 600s); }).failure == "aws-unreachable");
        CHECK(std::accumulate(resets.waits.begin(), resets.waits.end(), 0ms) <= 10s);
}

TEST_CASE("AWS_MAX_ATTEMPTS ends a call earlier", "[aws-retry]")
{
        const Variable attempts("AWS_MAX_ATTEMPTS", "3");
        World resets{.answers = {reset}};
        const auto result = refusal([&] { resets.call(); });
        CHECK(result.mentions("tried 3 times"));
        CHECK(resets.sent.size() == 3);

        const Variable wrong("AWS_MAX_ATTEMPTS", "0");
        CHECK(refusal([&] { resets.call(); }).failure == "usage");
}

TEST_CASE("AWS_CA_BUNDLE is trusted instead of the system's store", "[aws-retry]")
{
        const test::TemporaryDirectory files;
        files.write("/ca.pem", "PEM");
        const Variable bundle("AWS_CA_BUNDLE", files("/ca.pem").c_str());
        std::string trusted;
        World answers{.answers = {done}};
        const auto inner = answers.world.attempt;
        answers.world.attempt = [&](const HttpRequest& request, std::chrono::milliseconds time) {
                trusted = request.ca;
                return inner(request, time);
        };

        answers.call();
        CHECK(trusted == "PEM");

        const Variable absent("AWS_CA_BUNDLE", "/nonexistent/ca.pem");
        const auto result = refusal([&] { answers.call(); });
        CHECK(result.failure == "endpoint-unusable");
        CHECK(result.mentions("/nonexistent/ca.pem"));
}

TEST_CASE("A clock that is off is corrected in the signature, and told once", "[aws-retry]")
{
        auto expired = error(403, "InvalidSignatureException", "Signature expired");
        expired.headers["date"] = "Thu, 01 Jan 2026 00:15:00 GMT";
        World late{.answers = {expired, done}};
        CHECK(late.call() == "{}");
        CHECK(late.waits.empty());
        CHECK(late.date(0) == "20260101T000000Z");
        CHECK(late.date(1) == "20260101T001500Z");
        REQUIRE(late.warnings.size() == 1);
        CHECK(late.warnings.front().find("900 s behind") != std::string::npos);

        late.call(); // the next call knows it
        CHECK(late.date(2) == "20260101T001500Z");
        CHECK(late.warnings.size() == 1);

        // A signature that is wrong for another reason.
        expired.headers["date"] = "Thu, 01 Jan 2026 00:00:09 GMT";
        World right{.answers = {expired, done}};
        CHECK_THROWS_AS(right.call(), AwsRefused);
        CHECK(right.warnings.empty());
}

TEST_CASE("Credentials that expire during the boot are fetched again", "[aws-retry]")
{
        World renewed{.answers = {error(403, "ExpiredTokenException"), done}};
        renewed.roles.push_back({"ASIA2", "SECRET2", "TOKEN2", "eks-node"});
        CHECK(renewed.call() == "{}");
        CHECK(renewed.waits.empty());
        CHECK(renewed.fetched == 2);

        World stale{.answers = {error(403, "ExpiredTokenException", "is expired")}};
        const auto result = refusal([&] { stale.call(); });
        CHECK(result.failure == "aws-credentials-expired");
        CHECK_FALSE(result.mentions("SECRET1"));
        CHECK_FALSE(result.mentions("TOKEN1"));
        CHECK(stale.fetched > 3);
}

TEST_CASE("A refusal has the failure and remedy of its kind, and names the action", "[aws-retry]")
{
        struct Row {
                const char* kind;
                const char* message;
                const char* failure;
                const char* remedy;
        };

        for (const auto& row : {Row{"AccessDeniedException", "no", "aws-denied",
                                        "Allow eks:DescribeCluster to the instance's role"},
                     Row{"UnauthorizedOperation", "no", "aws-denied", "Allow eks:DescribeCluster"},
                     Row{"SignatureDoesNotMatch", "Credential should be scoped to a valid region.",
                             "aws-wrong-region", "AWS_ENDPOINT_URL"},
                     Row{"OptInRequired", "no", "aws-wrong-region", "enabled for the account"},
                     Row{"ValidationError", "no", "aws-refused", "policies"}}) {
                CAPTURE(row.kind);
                World refuses{.answers = {error(403, row.kind, row.message)}};
                const auto result = refusal([&] { refuses.call(); });
                CHECK(result.failure == row.failure);
                CHECK(result.remedy.find(row.remedy) != std::string::npos);
                CHECK(refuses.sent.size() == 1);
        }
}
