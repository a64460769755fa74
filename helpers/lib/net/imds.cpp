// SPDX-License-Identifier: Apache-2.0
#include "net/imds.hpp"

#include <algorithm>
#include <cerrno>
#include <thread>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr auto token_lifetime = "300"; // seconds; far longer than a boot needs
constexpr std::size_t token_limit = 4096;
constexpr std::size_t answer_limit = 64U
                                     << 10U; // bytes; user data ends at 16 KiB, everything else is smaller
constexpr std::chrono::milliseconds first_delay{100}; // before absent items are requested again; doubles
constexpr std::chrono::milliseconds max_delay{1000};

// Refused at least twice in this time, with no other result in between, the connection is refused on
// purpose: while the network comes up there is no route, or no answer.
constexpr std::chrono::milliseconds refusal_time{500};
constexpr auto mode_variable = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";

// By how far the last attempt came.
std::string how_to_connect(const HttpFault& fault)
{
        const std::string_view failure = fault.text;
        switch (fault.error) {
        case ECONNREFUSED:
                return "The service itself never refuses a connection: a firewall rule rejects it (see `eksnode host "
                       "check`), or the address is one of this machine, where nothing listens (see `ip address`)";
        case EACCES:
        case EPERM:
                return "This machine forbids the address: a route of the type prohibit (see `ip route get "
                       "169.254.169.254`; systemd-imdsd adds one in its locked mode), a firewall rule (see "
                       "`eksnode host check`), or IPAddressDeny= of the unit (see `systemctl cat`)";
        case EINVAL:
                return "This machine has a route of the type blackhole to the address: see `ip route get "
                       "169.254.169.254`";
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
        case EADDRNOTAVAIL:
                return "The address cannot be reached: the interface is down or has no address or route (see `ip "
                       "address`, `ip route` and `networkctl`), or a firewall rejects it (see `eksnode host check`)";
        default:
                break;
        }

        if (failure == "timed out")
                return "The connection is made, but no answer arrives. In a container, the hop limit in the "
                       "instance's metadata options (HttpPutResponseHopLimit) must be at least 2; otherwise an "
                       "agent or a proxy intercepts the address";
        if (failure.find("timed out") != failure.npos)
                return "Nothing answers at the address: a firewall drops the packets (see `eksnode host check`), or "
                       "the route leads elsewhere (see `ip route get 169.254.169.254`)";

        return "Check that the interface is up and that no firewall, route or proxy is in the way: "
               "`eksnode host check`, `ip address`";
}

// By the status of the answer.
std::string how_to_look(long status)
{
        switch (status) {
        case 401:
                return "The service wants a session token that it has given out: check that no proxy or agent "
                       "is in the way which drops the header or answers for it, and in a container that the "
                       "hop limit in the instance's metadata options (HttpPutResponseHopLimit) is at least 2";
        case 403:
                return "The service is disabled for this instance, or forbidden by an agent on it: `aws ec2 "
                       "modify-instance-metadata-options --instance-id ID --http-endpoint enabled`";
        default:
                return status >= 500
                               ? "The service itself fails, which usually passes: the node tries again. "
                                 "If it goes on, stop and start the instance"
                               : "Check what answers at the metadata address: another program, a proxy, "
                                 "or EKS_IMDS_ENDPOINT";
        }
}

} // namespace

std::string imds_endpoint()
{
        for (const char* variable : {"EKS_IMDS_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT"}) {
                auto endpoint = environment(variable);
                if (endpoint.empty())
                        continue;

                // Host names and certificates would need files that eks-imds, being confined, cannot read.
                if (!endpoint.starts_with("http://"))
                        throw Error(failure::usage,
                                fmt::format("{}={}: not an http URL", variable, endpoint),
                                "Give http:// and an address, such as http://[fd00:ec2::254]");

                while (endpoint.ends_with('/'))
                        endpoint.pop_back();
                return endpoint;
        }

        const auto mode = environment(mode_variable);
        if (!mode.empty() && lower(mode) != "ipv4" && lower(mode) != "ipv6")
                throw Error(failure::usage, fmt::format("{}={}: not IPv4 or IPv6", mode_variable, mode),
                        "Set it to one of these, or remove it");

        return std::string(lower(mode) == "ipv6" ? imds_ipv6_endpoint : imds_ipv4_endpoint);
}

bool imds_is_disabled()
{
        return lower(environment("AWS_EC2_METADATA_DISABLED")) == "true";
}

ImdsClient::ImdsClient(Options options)
        : options_(std::move(options)), endpoints_{options_.endpoint},
          deadline_(std::chrono::steady_clock::now() + options_.timeout), http_(plain_http())
{
        const bool is_usual =
                options_.endpoint == imds_ipv4_endpoint || options_.endpoint == imds_ipv6_endpoint;
        if (!options_.refusal_means_off)
                options_.refusal_means_off = is_usual;
        if (options_.other_endpoint.empty() && options_.endpoint == imds_ipv4_endpoint &&
                environment(mode_variable).empty())
                options_.other_endpoint = imds_ipv6_endpoint;
        if (!options_.other_endpoint.empty())
                endpoints_.push_back(options_.other_endpoint);
}

std::chrono::milliseconds ImdsClient::time_left() const
{
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                deadline_ - std::chrono::steady_clock::now());
}

std::vector<HttpResponse> ImdsClient::run(const std::vector<HttpRequest>& requests)
{
        try {
                return http_.fetch(requests, {.deadline = deadline_, .on_retry = options_.on_retry});
        } catch (const HttpDeadline& e) {
                throw unreachable(e);
        }
}

Error ImdsClient::unreachable(const HttpDeadline& e) const
{
        return {failure::imds_unreachable,
                fmt::format("the instance metadata service gave no usable answer in {} s: {}",
                        static_cast<double>(options_.timeout.count()) / 1000, e.what()),
                e.fault().status == 0 ? how_to_connect(e.fault()) : how_to_look(e.fault().status)};
}

// From the endpoint that answers first. The first one counts: the other may be closed to us although the
// service is on, so of that only a token is an answer.
HttpResponse ImdsClient::ask_for_token()
{
        std::vector<HttpRequest> requests;
        for (const auto& endpoint : endpoints_)
                requests.push_back({.method = "PUT",
                        .url = endpoint + "/latest/api/token",
                        .headers = {fmt::format("X-aws-ec2-metadata-token-ttl-seconds: {}", token_lifetime)},
                        .body_limit = token_limit});

        unsigned refusals = 0; // in a row
        std::chrono::steady_clock::time_point refused_since;
        bool other_failed = requests.size() == 1;
        bool is_off = false;
        HttpFault fault_of_first;

        HttpRace race;
        race.wins = [](std::size_t request, const HttpResponse& answer) {
                return request == 0 || answer.status == 200;
        };
        race.is_hopeless = [&](std::size_t request, const HttpFault& fault) {
                const auto now = std::chrono::steady_clock::now();
                if (request == 0)
                        fault_of_first = fault;
                if (request != 0)
                        other_failed = true;
                else if (fault.error != ECONNREFUSED)
                        refusals = 0;
                else if (refusals++ == 0)
                        refused_since = now;

                is_off = *options_.refusal_means_off && other_failed && refusals >= 2 &&
                         now - refused_since >= refusal_time;
                return is_off;
        };

        // The first one is what `systemctl status` shows: most instances have no way to the other.
        const auto report = [&](const std::string& text) {
                if (text.starts_with(fmt::format("PUT {}/", endpoints_.front())))
                        options_.on_retry(text);
        };

        try {
                auto winner = http_.race(requests, {.deadline = deadline_, .on_retry = report}, race);
                endpoints_ = {endpoints_[winner.request]};
                return std::move(winner.response);
        } catch (const HttpDeadline& e) {
                if (!is_off)
                        throw unreachable(e);
                throw ImdsOff(failure::imds_unreachable,
                        fmt::format("the instance metadata service is off: {}", e.what()),
                        how_to_connect(fault_of_first));
        }
}

void ImdsClient::request_token()
{
        if (imds_is_disabled())
                throw ImdsOff(failure::imds_refused,
                        "the instance metadata service must not be asked: AWS_EC2_METADATA_DISABLED is true",
                        "Remove the variable from the environment, for a unit with `systemctl edit`");

        const auto answer = ask_for_token();
        token_ = trim(answer.body);

        if (answer.status == 403)
                throw ImdsOff(failure::imds_refused,
                        "the instance metadata service is off: it refused a session token with status 403",
                        how_to_look(answer.status));
        if (answer.status != 200)
                throw Error(failure::imds_refused,
                        fmt::format("the instance metadata service refused a session token with status {}",
                                answer.status),
                        how_to_look(answer.status));
        if (token_.empty() || has_control_characters(token_) || token_.find(' ') != std::string::npos)
                throw Error(failure::imds_answer,
                        "the instance metadata service returned an invalid session token",
                        how_to_look(answer.status));
}

std::vector<std::optional<std::string>> ImdsClient::fetch(const std::vector<std::string>& paths)
{
        std::vector<HttpResponse> answers;
        for (const bool again : {false, true}) {
                if (token_.empty())
                        request_token();

                std::vector<HttpRequest> requests;
                for (const auto& path : paths)
                        requests.push_back({.url = fmt::format("{}/latest/{}", endpoints_.front(), path),
                                .headers = {"X-aws-ec2-metadata-token: " + token_},
                                .body_limit = answer_limit});
                answers = run(requests);

                const bool expired =
                        std::ranges::any_of(answers, [](const auto& a) { return a.status == 401; });
                if (!expired || again)
                        break;

                token_.clear();
        }

        std::vector<std::optional<std::string>> bodies;

        for (std::size_t i = 0; i < paths.size(); ++i) {
                auto& answer = answers[i];
                if (answer.status == 404)
                        bodies.emplace_back();
                else if (answer.status == 200)
                        bodies.emplace_back(std::move(answer.body));
                else
                        throw Error(failure::imds_answer,
                                fmt::format("the instance metadata service answered status {} for '{}'",
                                        answer.status, paths[i]),
                                how_to_look(answer.status));
        }

        return bodies;
}

std::vector<std::optional<std::string>> ImdsClient::wait_for(const std::vector<ImdsItem>& items)
{
        std::vector<std::string> paths;
        for (const auto& item : items)
                paths.push_back(item.path);
        auto bodies = fetch(paths);
        const auto asked_first = std::chrono::steady_clock::now();
        std::optional<std::chrono::milliseconds> patience;
        const auto patient = [&] {
                if (!patience)
                        patience = options_.patience();
                return std::chrono::steady_clock::now() - asked_first < *patience;
        };

        for (auto delay = first_delay;; delay = std::min(2 * delay, max_delay)) {
                std::vector<std::size_t> awaited;
                for (std::size_t i = 0; i < items.size(); ++i)
                        if (!bodies[i] && (items[i].absence == Absence::not_yet ||
                                                  (items[i].absence == Absence::soon_answer && patient())))
                                awaited.push_back(i);

                if (awaited.empty())
                        return bodies;

                const auto& first = items[awaited.front()];
                if (first.absence == Absence::not_yet && time_left() <= delay)
                        throw Error(failure::imds_answer,
                                fmt::format("the instance metadata service still has no '{}' after {} s "
                                            "(status 404), which every instance has",
                                        first.path, static_cast<double>(options_.timeout.count()) / 1000),
                                how_to_look(404));

                options_.on_retry(fmt::format("'{}' is not there yet (status 404)", first.path));
                std::this_thread::sleep_for(delay);
                paths.clear();

                for (const auto i : awaited)
                        paths.push_back(items[i].path);
                auto later = fetch(paths);
                for (std::size_t n = 0; n < awaited.size(); ++n)
                        bodies[awaited[n]] = std::move(later[n]);
        }
}

} // namespace eks
