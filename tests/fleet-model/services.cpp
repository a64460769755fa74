// SPDX-License-Identifier: Apache-2.0
#include "services.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace fleet {

namespace {

constexpr Time per_certificate = 50ms;
constexpr Time certificate_burst = 1500ms; // 30 certificates ahead of the rate

constexpr const char* cluster_answer = R"({"cluster":{"name":"fleet","status":"ACTIVE","version":"1.34",
"endpoint":"https://fleet.example","certificateAuthority":{"data":"Zmxl"},
"kubernetesNetworkConfig":{"ipFamily":"ipv4","serviceIpv4Cidr":"172.20.0.0/16"}}})";

constexpr const char* instance_answer = R"(<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId>
<reservationSet><item><instancesSet><item><instanceId>{0}</instanceId><instanceType>m7i.large</instanceType>
<placement><availabilityZone>us-west-2a</availabilityZone></placement><privateDnsName>{1}</privateDnsName>
</item></instancesSet></item></reservationSet></DescribeInstancesResponse>)";

constexpr const char* ec2_error = R"(<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>{0}</Code><Message>{1}</Message></Error></Errors><RequestID>1</RequestID></Response>)";

constexpr const char* eks_error = R"({{"__type":"{0}","message":"{1}"}})";

// Half of a round trip.
Time one_way(Machine& machine, Time latency)
{
        return machine.random.between(latency / 4, latency * 3 / 4);
}

} // namespace

bool TokenBucket::take(Time now)
{
        const auto seconds = std::chrono::duration<double>(now - filled_).count();
        tokens_ = std::min(capacity_, tokens_ + seconds * per_second_);
        filled_ = now;
        if (tokens_ < 1)
                return false;

        tokens_ -= 1;
        return true;
}

Cloud::Verdict Cloud::judge(Machine& machine, ServiceLimits& service, Tally& tally)
{
        ++tally.sent;
        simulation_->sleep(one_way(machine, service.latency));

        auto verdict = Verdict::served;
        if (simulation_->now() < brown_out_)
                verdict = machine.random() < 0.5 ? Verdict::failed : Verdict::throttled;
        else if (!service.bucket.take(simulation_->now()))
                verdict = Verdict::throttled;
        ++(verdict == Verdict::served           ? tally.served
                : verdict == Verdict::throttled ? tally.throttled
                                                : tally.failed);

        return verdict;
}

eks::HttpResponse Cloud::answer(Machine& machine, const eks::HttpRequest& request)
{
        const bool is_ec2 = request.url.starts_with("https://ec2.");
        const auto verdict = judge(machine, is_ec2 ? ec2_ : eks_, calls_);
        const auto named = simulation_->now() >= machine.name_at;
        simulation_->sleep(one_way(machine, (is_ec2 ? ec2_ : eks_).latency));

        switch (verdict) {
        case Verdict::failed:
                return {.status = 503,
                        .body = is_ec2 ? fmt::format(ec2_error, "Unavailable", "The service is unavailable")
                                       : fmt::format(
                                                 eks_error, "ServiceUnavailableException", "unavailable"),
                        .headers = {}};
        case Verdict::throttled:
                return {.status = is_ec2 ? 503 : 429,
                        .body = is_ec2 ? fmt::format(ec2_error, "RequestLimitExceeded",
                                                 "Request limit exceeded.")
                                       : fmt::format(
                                                 eks_error, "TooManyRequestsException", "Too Many Requests"),
                        .headers = {}};
        case Verdict::served:
                break;
        }

        return {.status = 200,
                .body = is_ec2 ? fmt::format(instance_answer, machine.id,
                                         named ? machine.id + ".us-west-2.compute.internal" : "")
                               : cluster_answer,
                .headers = {}};
}

bool Cloud::registry_login(Machine& machine)
{
        const auto verdict = judge(machine, ecr_, logins_);
        simulation_->sleep(one_way(machine, ecr_.latency));
        return verdict == Verdict::served;
}

ApiServer::Answer ApiServer::request(Machine& machine, Kind kind)
{
        constexpr Time network = 2ms;
        constexpr Time sts_latency = 50ms;
        auto& lane = kind == Kind::reading ? reading_ : mutating_;
        ++requests_.sent;
        simulation_->sleep(one_way(machine, network));

        // Who it is comes before whether there is room.
        if (!machine.authenticated) {
                simulation_->sleep(one_way(machine, sts_latency));
                machine.authenticated = sts_.take(simulation_->now());
                simulation_->sleep(one_way(machine, sts_latency));
        }

        auto answer = Answer::done;
        if (!machine.authenticated) {
                answer = Answer::unauthorized;
                ++requests_.failed;
        } else if (lane.in_flight >= lane.most) {
                answer = Answer::busy;
                ++requests_.throttled;
        } else {
                ++lane.in_flight;
                simulation_->sleep(machine.random.between(lane.time / 2, lane.time * 3 / 2));
                --lane.in_flight;
                ++requests_.served;
        }

        simulation_->sleep(one_way(machine, network));
        return answer;
}

void ApiServer::await_certificate()
{
        next_certificate_ =
                std::max(next_certificate_, simulation_->now() - certificate_burst) + per_certificate;
        simulation_->sleep(next_certificate_ - simulation_->now());
}

} // namespace fleet
