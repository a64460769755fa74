// SPDX-License-Identifier: Apache-2.0
#include "net/aws_call.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <random>
#include <thread>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"
#include "net/aws_world.hpp"
#include "net/credentials.hpp"
#include "net/messages.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds connect_timeout = 5s;
constexpr milliseconds attempt_timeout = 10s;
constexpr milliseconds last_attempt = 1s; // no attempt begins later than this before the deadline
constexpr seconds wrong_clock = 4min;     // AWS accepts a signature for five minutes

// "http://127.0.0.1:4566" without its slash at the end, or nothing.
std::string endpoint_override(const std::string& service)
{
        auto variable = "AWS_ENDPOINT_URL_" + service;
        std::ranges::transform(variable, variable.begin(), [](unsigned char c) { return std::toupper(c); });

        for (const auto& name : {variable, std::string("AWS_ENDPOINT_URL")}) {
                auto url = environment(name.c_str());
                while (url.ends_with('/'))
                        url.pop_back();
                if (!url.empty())
                        return url;
        }

        return {};
}

unsigned max_attempts()
{
        const auto text = environment("AWS_MAX_ATTEMPTS");
        if (text.empty())
                return 0;

        const auto count = parse_int<unsigned>(text);
        if (!count || *count < 1)
                throw Error(failure::usage,
                        fmt::format("AWS_MAX_ATTEMPTS={}: not a whole number from 1", text),
                        "Correct the variable in the unit's environment, or remove it");

        return *count;
}

std::string ca_bundle()
{
        const auto path = environment("AWS_CA_BUNDLE");
        if (path.empty())
                return {};

        const auto text = read_file_if_exists(path);
        if (!text)
                throw Error(failure::endpoint_unusable,
                        fmt::format("'{}', which AWS_CA_BUNDLE names, does not exist", path),
                        "Correct the variable in the unit's environment, or add the authority to "
                        "trust.certificates instead");

        return *text;
}

// The error code, in either of the two forms of the services that answer in JSON.
AwsError json_error(const HttpResponse& response)
{
        const auto body = try_parse_json(response.body);
        const auto text = [&](const char* key) {
                return body.is_object() && body.contains(key) && body[key].is_string()
                               ? body[key].get<std::string>()
                               : std::string();
        };

        auto kind = text("__type");
        if (const auto header = response.headers.find("x-amzn-errortype");
                kind.empty() && header != response.headers.end())
                kind = header->second.substr(0, header->second.find(':'));
        kind = kind.substr(kind.find('#') == kind.npos ? 0 : kind.find('#') + 1);

        return {kind, text("message").empty() ? text("Message") : text("message")};
}

AwsError error_in(const HttpResponse& response, const AwsCallOptions& options)
{
        auto error = json_error(response);
        if (error.kind.empty() && error.message.empty() && options.parse_error)
                error = options.parse_error(response.body);
        return error;
}

std::string shown(const AwsError& error, long status)
{
        return error.kind.empty() && error.message.empty()
                       ? fmt::format("status {}", status)
                       : fmt::format("{}: {}", error.kind, error.message);
}

// How far the clock of who answered is ahead of this machine's.
std::optional<seconds> clock_difference(const AwsWorld& world, const HttpResponse& response)
{
        const auto date = response.headers.find("date");
        const auto time =
                date == response.headers.end() ? -1 : ::curl_getdate(date->second.c_str(), nullptr);
        if (time < 0)
                return std::nullopt;
        return std::chrono::floor<seconds>(std::chrono::system_clock::from_time_t(time) - world.clock());
}

// The call, from one attempt to the next.
class Call {
public:
        Call(AwsWorld& world, const std::string& service, const std::string& region, AwsRequest request,
                const AwsCallOptions& options)
                : world_(&world), service_(service), region_(region), request_(std::move(request)),
                  options_(&options), base_(endpoint_override(service)), retry_(world.quota, max_attempts())
        {
                if (base_.empty())
                        base_ = "https://" + aws_host(service, region, options.endpoint);
                request_.host = base_.substr(base_.find("//") + 2);
                http_ = {.method = request_.method,
                        .url = base_ + request_target(request_),
                        .headers = {},
                        .body = request_.body,
                        .ca = ca_bundle()};
                credentials_ = options.credentials.access_key_id.empty() ? world.credentials(options)
                                                                         : options.credentials;
        }

        std::string run()
        {
                for (;;) {
                        const auto attempt = try_once();
                        const auto& response = attempt.response;

                        if (attempt.failure.empty() && response.status == 200) {
                                world_->quota.give_back();
                                return response.body;
                        }

                        if (attempt.is_final)
                                throw Error(failure::endpoint_unusable,
                                        fmt::format("{}: {}", name(), attempt.failure),
                                        "Check the proxy in the configuration, AWS_ENDPOINT_URL, HTTPS_PROXY "
                                        "and their like in the unit's environment, and that this machine "
                                        "trusts the certificate's authority");
                        if (attempt.failure.empty())
                                refused(response);
                        else
                                wait_after_transient(attempt);
                }
        }

private:
        HttpAttempt try_once()
        {
                http_.headers = signed_headers(request_, credentials_,
                        {.service = service_,
                                .region = region_,
                                .time = std::chrono::floor<seconds>(world_->clock() + world_->skew)});
                ++attempts_;
                return world_->attempt(
                        http_, std::clamp(left(options_->deadline), last_attempt, attempt_timeout));
        }

        // Returns if another attempt is to follow.
        void refused(const HttpResponse& response)
        {
                const auto error = error_in(response, *options_);
                const auto text = shown(error, response.status);

                if (is_throttling(error.kind, response.status)) {
                        wait_after_throttling(text);
                        return;
                }

                if (is_transient(error.kind, response.status)) {
                        HttpAttempt attempt{.request = &http_, .response = response};
                        attempt.failure = fmt::format("status {}", response.status);
                        wait_after_transient(attempt);
                        return;
                }

                const AwsRefused refusal(fmt::format("{} refused: {}", what(), text), error,
                        credentials_.role, options_->action);
                if (refusal.is_unknown_caller() && takes_time_of(response))
                        return;
                if (is_expired(error) && !credentials_.role.empty() && renews_credentials(text))
                        return;
                throw AwsRefused(refusal);
        }

        // Once: AWS's own clock is right.
        bool takes_time_of(const HttpResponse& response)
        {
                const auto ahead = clock_difference(*world_, response);
                if (!ahead || std::chrono::abs(*ahead - world_->skew) < wrong_clock)
                        return false;

                world_->skew = *ahead;
                options_->on_warning(
                        fmt::format("this machine's clock is {} s {} that of AWS, whose time the "
                                    "signatures have from now on, proceeding",
                                std::chrono::abs(*ahead).count(), *ahead > 0s ? "behind" : "ahead of"));
                return true;
        }

        // EC2 renews the credentials of a role some minutes before they expire; those that we have may be
        // older than that.
        bool renews_credentials(const std::string& text)
        {
                const auto had = credentials_.access_key_id;
                credentials_ = world_->credentials(*options_);
                return credentials_.access_key_id != had ||
                       waits(AwsFault::transient, text, options_->deadline);
        }

        void wait_after_throttling(const std::string& text)
        {
                const auto deadline = std::max(options_->deadline, options_->throttled_deadline);
                options_->on_throttled();
                if (!waits(AwsFault::throttled, fmt::format("{}: {}", what(), text), deadline))
                        throw Error(failure::aws_throttled,
                                fmt::format("{} throttles after {}: {}", what(), tries(), text),
                                "Many nodes may be starting at once. Ask for a higher limit of this call if "
                                "that goes on");
        }

        void wait_after_transient(const HttpAttempt& attempt)
        {
                const auto text = fmt::format("{}: {} (attempt {})", name(), attempt.failure, attempts_);
                if (waits(AwsFault::transient, text, options_->deadline))
                        return;

                throw Error(attempt.unconnected ? failure::aws_no_route : failure::aws_unreachable,
                        fmt::format("{}: tried {}, last {}", name(), tries(), attempt.failure),
                        how_to_reach(attempt));
        }

        // False if the time or the number of attempts is over.
        bool waits(AwsFault fault, const std::string& text, std::chrono::steady_clock::time_point deadline)
        {
                const auto time = left(deadline) - last_attempt;
                if (time <= 0ms || retry_.is_last(attempts_))
                        return false;

                options_->on_retry(text);
                world_->sleep(retry_.next_delay(fault, world_->random(), time));
                return true;
        }

        milliseconds left(std::chrono::steady_clock::time_point deadline) const
        {
                return std::chrono::ceil<milliseconds>(deadline - world_->now());
        }

        std::string how_to_reach(const HttpAttempt& attempt) const
        {
                if (!attempt.unresolved.empty())
                        return fmt::format(
                                "No name server resolves '{0}': see /etc/resolv.conf, the DNS options of the VPC "
                                "(enableDnsSupport, DHCP options), whether its VPC endpoint has private DNS, and "
                                "whether the region {1} has this service; `resolvectl query {0}` asks again",
                                attempt.unresolved, region_);
                if (attempt.response.status >= 500)
                        return fmt::format(
                                "'{}' answers with errors, which passes by itself unless a proxy sends "
                                "them; see https://health.aws.amazon.com",
                                base_);
                if (attempt.unconnected)
                        return fmt::format(
                                "Nothing accepts a connection for '{}': see the subnet's route to a NAT "
                                "gateway or the internet, or give the VPC an endpoint of the service; see "
                                "that security groups and network ACLs let port 443 out, and into the VPC "
                                "endpoint; or configure a proxy",
                                base_);

                return fmt::format(
                        "Check that this machine reaches '{}', by a route, a VPC endpoint or a proxy",
                        base_);
        }

        std::string name() const { return fmt::format("{} {}", http_.method, hide_secrets(http_.url)); }
        std::string what() const { return fmt::format("{} of '{}'", service_, base_); }
        std::string tries() const
        {
                return fmt::format("{} {}", attempts_, attempts_ == 1 ? "time" : "times");
        }

        AwsWorld* world_;
        std::string service_;
        std::string region_;
        AwsRequest request_;
        const AwsCallOptions* options_;
        std::string base_;
        AwsRetry retry_;
        HttpRequest http_;
        AwsCredentials credentials_;
        unsigned attempts_ = 0;
};

AwsCredentials credentials_for(const AwsCallOptions& options)
{
        const auto left =
                std::chrono::ceil<milliseconds>(options.deadline - std::chrono::steady_clock::now());
        return aws_credentials({.endpoint = imds_endpoint(), .timeout = left, .on_retry = options.on_retry});
}

AwsWorld real_world()
{
        const std::shared_ptr<HttpTransport> transport = curl_http();
        return {.attempt =
                        [transport](const HttpRequest& request, milliseconds timeout) {
                                HttpAttempt attempt{.request = &request};
                                transport->start(attempt, std::min(connect_timeout, timeout), timeout);
                                while (!attempt.ended)
                                        transport->wait(timeout);
                                return attempt;
                        },
                .now = std::chrono::steady_clock::now,
                .clock = std::chrono::system_clock::now,
                .sleep = [](milliseconds time) { std::this_thread::sleep_for(time); },
                .random =
                        [] {
                                std::random_device random;
                                return std::generate_canonical<double, 32>(random);
                        },
                .credentials = credentials_for};
}

} // namespace

std::string aws_call_in(AwsWorld& world, const std::string& service, const std::string& region,
        AwsRequest request, const AwsCallOptions& options)
{
        return Call(world, service, region, std::move(request), options).run();
}

std::string aws_call(const std::string& service, const std::string& region, AwsRequest request,
        const AwsCallOptions& options)
{
        static auto world = real_world(); // one for the program, with its connections and its quota
        return aws_call_in(world, service, region, std::move(request), options);
}

} // namespace eks
