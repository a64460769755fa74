// SPDX-License-Identifier: Apache-2.0
#include "net/aws_call.hpp"

#include <algorithm>
#include <cctype>
#include <thread>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "net/credentials.hpp"
#include "net/http.hpp"
#include "net/jitter.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto attempt_timeout = 10s;
constexpr std::chrono::milliseconds max_delay = 5s; // between attempts

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

struct Refusal {
        std::string kind; // "AccessDeniedException"
        std::string text; // "AccessDeniedException: User … is not authorized"
};

// The error code, in either of the two forms of the services.
Refusal refusal_in(const HttpResponse& response)
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
        const auto message = text("message").empty() ? text("Message") : text("message");
        return {kind, kind.empty() && message.empty() ? fmt::format("status {}", response.status)
                                                      : fmt::format("{}: {}", kind, message)};
}

bool throttled(const HttpResponse& response, const std::string& kind)
{
        return response.status == 429 || kind.starts_with("Throttling") ||
               kind.starts_with("TooManyRequests") || kind.starts_with("RequestLimitExceeded");
}

std::string how_to_reach(const std::string& base, const HttpFault& fault)
{
        if (!fault.unresolved.empty())
                return fmt::format(
                        "No name server resolves '{}': see /etc/resolv.conf, the DNS options of the "
                        "VPC (enableDnsSupport, DHCP options), and whether its VPC endpoint has "
                        "private DNS; `resolvectl query {}` asks again",
                        fault.unresolved, fault.unresolved);
        if (fault.status >= 500)
                return fmt::format("'{}' answers with errors, which passes by itself unless a proxy sends "
                                   "them; see https://health.aws.amazon.com",
                        base);
        return fmt::format(
                "Check that this machine reaches '{}', by a route, a VPC endpoint or a proxy", base);
}

AwsCredentials credentials_for(const AwsCallOptions& options)
{
        if (!options.credentials.access_key_id.empty())
                return options.credentials;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                options.deadline - std::chrono::steady_clock::now());
        return aws_credentials({.endpoint = imds_endpoint(), .timeout = left, .on_retry = options.on_retry});
}

} // namespace

std::string aws_call(const std::string& service, const std::string& region, AwsRequest request,
        const AwsCallOptions& options)
{
        auto base = endpoint_override(service);
        if (base.empty())
                base = "https://" + aws_host(service, region, options.endpoint);
        request.host = base.substr(base.find("//") + 2);
        const auto url = base + request_target(request);
        const auto what = fmt::format("{} of '{}'", service, base);

        const auto credentials = credentials_for(options);
        HttpClient http(curl_http());
        std::chrono::milliseconds delay = 500ms;
        for (;;) {
                const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
                HttpResponse response;
                try {
                        response = http.fetch({{.method = request.method,
                                                      .url = url,
                                                      .headers = signed_headers(request, credentials,
                                                              {.service = service,
                                                                      .region = region,
                                                                      .time = now}),
                                                      .body = request.body}},
                                               {.connect_timeout = 5s,
                                                       .attempt_timeout = attempt_timeout,
                                                       .max_delay = max_delay,
                                                       .jitter = true,
                                                       .retry_429 = false,
                                                       .deadline = options.deadline,
                                                       .on_retry = options.on_retry})
                                           .front();
                } catch (const HttpUnusable& e) {
                        throw Error(failure::endpoint_unusable, e.what(),
                                "Check the proxy in the configuration, AWS_ENDPOINT_URL, HTTPS_PROXY and their like in "
                                "the unit's environment, and that this machine trusts the certificate's "
                                "authority");
                } catch (const HttpDeadline& e) {
                        throw Error(failure::aws_unreachable, e.what(), how_to_reach(base, e.fault()));
                }
                if (response.status == 200)
                        return response.body;
                const auto [kind, refusal] = refusal_in(response);
                if (!throttled(response, kind))
                        throw AwsRefused(
                                fmt::format("{} refused: {}", what, refusal), kind, credentials.role);
                if (std::chrono::steady_clock::now() + delay > options.deadline)
                        throw Error(failure::aws_throttled, fmt::format("{} throttles: {}", what, refusal),
                                "Many nodes may be starting at once. Ask for a higher limit of this call if "
                                "that goes on");
                options.on_retry(fmt::format("{}: {}", what, refusal));
                std::this_thread::sleep_for(jittered(delay));
                delay = std::min(delay * 2, max_delay);
        }
}

} // namespace eks
