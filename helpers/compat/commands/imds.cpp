// SPDX-License-Identifier: Apache-2.0
// imds: one request to the instance metadata service, for shell scripts in user data.
#include <algorithm>
#include <array>
#include <cstdio>
#include <thread>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/text.hpp"
#include "compat/commands/commands.hpp"
#include "compat/commands/compat.hpp"
#include "net/imds.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto connect_timeout = 2s; // of one attempt
constexpr auto attempt_timeout = 10s;
constexpr std::array passing_statuses{408L, 429L, 500L, 502L, 503L, 504L}; // as curl --retry has it

constexpr auto usage =
        "usage: imds token | PATH\n"
        "\n"
        "Print a session token of the instance metadata service, or what it says at a path, such as\n"
        "latest/meta-data/instance-id. See imds(1).\n";

class Asker {
public:
        explicit Asker(ImdsQuestions questions) : how_(std::move(questions)), transport_(plain_http()) {}

        std::string token()
        {
                if (!how_.token.empty())
                        return how_.token;
                return ask({.method = "PUT",
                        .url = how_.endpoint + "/latest/api/token",
                        .headers = {"X-aws-ec2-metadata-token-ttl-seconds: " + how_.token_lifetime}});
        }

        std::string at(const std::string& path)
        {
                const auto credential = std::string(trim(token()));
                if (has_control_characters(credential))
                        throw Error(failure::imds_answer, "the session token is not valid");
                return ask({.url = fmt::format("{}/{}", how_.endpoint, path),
                        .headers = {"X-aws-ec2-metadata-token: " + credential}});
        }

private:
        // The body. Throws Error (imds_unreachable) without an answer, (imds_answer) with another status
        // than 2xx, the body of which it prints first.
        std::string ask(const HttpRequest& request)
        {
                for (unsigned tries = 0;; ++tries) {
                        if (how_.debug)
                                fmt::print(stderr, "imds: {} {}\n", request.method, request.url);
                        HttpAttempt attempt{.request = &request};
                        transport_->start(attempt, connect_timeout, attempt_timeout);

                        while (!attempt.ended)
                                transport_->wait(attempt_timeout);
                        const auto& answer = attempt.response;
                        const bool answered = attempt.failure.empty();
                        if (answered && answer.status / 100 == 2)
                                return answer.body;

                        const bool passes = !answered || std::ranges::find(passing_statuses,
                                                                 answer.status) != passing_statuses.end();
                        if (passes && !attempt.is_final && tries < how_.retries) {
                                if (how_.debug)
                                        fmt::print(stderr, "imds: {}, trying again\n",
                                                answered ? fmt::format("status {}", answer.status)
                                                         : attempt.failure);
                                std::this_thread::sleep_for(how_.delay);
                                continue;
                        }

                        if (!answered)
                                throw Error(failure::imds_unreachable,
                                        fmt::format("{}: {}", request.url, attempt.failure));

                        fmt::print(stderr, "{}{}", answer.body, answer.body.ends_with('\n') ? "" : "\n");
                        throw Error(failure::imds_answer,
                                fmt::format("{}: status {}", request.url, answer.status));
                }
        }

        ImdsQuestions how_;
        std::unique_ptr<HttpTransport> transport_;
};

} // namespace

ImdsQuestions imds_questions(const Variables& variables, const std::string& default_endpoint)
{
        const auto number = [&](const char* name, unsigned otherwise) {
                const auto text = variables(name);
                if (text.empty())
                        return otherwise;

                const auto value = parse_int<unsigned>(text);
                if (!value || *value > 86400)
                        throw Error(failure::usage,
                                fmt::format("{}='{}' is not a number up to 86400", name, text));

                return *value;
        };

        ImdsQuestions questions{.endpoint = variables("IMDS_ENDPOINT"), .token = variables("IMDS_TOKEN")};
        if (questions.endpoint.empty())
                questions.endpoint = default_endpoint;
        else if (questions.endpoint.find("://") == std::string::npos)
                questions.endpoint.insert(0, "http://");
        questions.token_lifetime = fmt::format("{}", number("IMDS_TOKEN_TTL_SECONDS", 900));
        questions.retries = number("IMDS_RETRIES", questions.retries);
        questions.delay = std::chrono::seconds(number("IMDS_RETRY_DELAY_SECONDS", 1));
        questions.debug = variables("IMDS_DEBUG") == "true";

        return questions;
}

int imds_command(int argc, char** argv)
{
        const std::string_view what = argc == 2 ? argv[1] : "";
        if (what == "--help") {
                fmt::print("{}", usage);
                return 0;
        }

        if (what.empty() || has_control_characters(what) || what.find(' ') != what.npos) {
                fmt::print(stderr, "{}", usage);
                return 1;
        }

        try {
                Asker asker(imds_questions(environment, imds_endpoint()));
                const auto path = what.substr(what.starts_with('/') ? 1 : 0);
                const auto body = path == "token" ? asker.token() : asker.at(std::string(path));
                std::fwrite(body.data(), 1, body.size(), stdout); // user data may be compressed

                if (!body.ends_with('\n'))
                        std::fputc('\n', stdout);
                return std::fflush(stdout) == 0 ? 0 : 1;
        } catch (const std::exception& e) {
                fmt::print(stderr, "imds: {}\n", e.what());
                return 1;
        }
}

} // namespace eks
