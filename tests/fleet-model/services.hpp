// SPDX-License-Identifier: Apache-2.0
// The services that a fleet needs while it boots, and their limits. README.md has the source of each figure.
#pragma once

#include <string>
#include <vector>

#include "net/http.hpp"
#include "simulation.hpp"

namespace fleet {

using namespace std::chrono_literals;

class TokenBucket {
public:
        TokenBucket(double capacity, double per_second)
                : capacity_(capacity), per_second_(per_second), tokens_(capacity)
        {
        }
        bool take(Time now); // a refused request costs nothing

private:
        double capacity_;
        double per_second_;
        double tokens_;
        Time filled_{0};
};

// The requests of a fleet to one service.
struct Tally {
        std::size_t sent = 0;
        std::size_t served = 0;
        std::size_t throttled = 0;
        std::size_t failed = 0; // 5xx
};

// A machine at boot, as the services see it.
struct Machine {
        std::string id; // "i-000000000000002a"
        Random random;
        Time name_at{0}; // when EC2 has its private DNS name
        bool authenticated = false;
};

struct ServiceLimits {
        TokenBucket bucket;
        Time latency;
};

// EC2 and EKS, whose answers the clients read.
class Cloud {
public:
        Cloud(Simulation& simulation, Time brown_out) : simulation_(&simulation), brown_out_(brown_out) {}

        // To the host of the URL: "ec2.us-west-2.amazonaws.com".
        eks::HttpResponse answer(Machine& machine, const eks::HttpRequest& request);

        // A login for the registry: false if it is refused.
        bool registry_login(Machine& machine);

        const Tally& calls() const { return calls_; }   // of EC2 and EKS
        const Tally& logins() const { return logins_; } // of the registry

private:
        enum class Verdict { served, throttled, failed };
        Verdict judge(Machine& machine, ServiceLimits& service, Tally& tally);

        Simulation* simulation_;
        Time brown_out_; // until then nothing is served
        ServiceLimits ec2_{.bucket = {100, 20}, .latency = 80ms};
        ServiceLimits eks_{.bucket = {100, 10}, .latency = 80ms};
        ServiceLimits ecr_{.bucket = {500, 500}, .latency = 80ms};
        Tally calls_;
        Tally logins_;
};

// The API server, with the authenticator behind it.
class ApiServer {
public:
        explicit ApiServer(Simulation& simulation) : simulation_(&simulation) {}

        enum class Kind { reading, mutating };
        enum class Answer { done, busy, unauthorized };
        Answer request(Machine& machine, Kind kind);
        // Returns when the certificate of the request is signed.
        void await_certificate();

        static constexpr Time retry_after = 1s;

        const Tally& requests() const { return requests_; }

private:
        struct Lane {
                unsigned most;
                Time time;
                unsigned in_flight = 0;
        };

        Simulation* simulation_;
        Lane reading_{.most = 400, .time = 20ms};
        Lane mutating_{.most = 200, .time = 50ms};
        TokenBucket sts_{600, 600};
        Time next_certificate_{0};
        Tally requests_;
};

} // namespace fleet
