// SPDX-License-Identifier: Apache-2.0
// Programs on a virtual clock: each is a fiber, which runs until it sleeps. The fiber whose time comes first
// runs next, and at the same time the one that fell asleep first, so that every run is the same.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <queue>
#include <vector>

namespace fleet {

using Time = std::chrono::microseconds; // since the first node boots

// Splitmix64: small enough that each node has one of its own. What a node draws then does not depend on the
// others.
class Random {
public:
        explicit Random(std::uint64_t seed) : state_(seed) {}
        double operator()(); // in [0, 1)
        Time between(Time least, Time most);

private:
        std::uint64_t state_;
};

class Fiber;

class Simulation {
public:
        Simulation();
        Simulation(const Simulation&) = delete;
        Simulation& operator=(const Simulation&) = delete;
        ~Simulation();

        void start(Time at, std::function<void()> program);
        void run(); // until all programs have ended; throws what a program throws

        // For a program.
        Time now() const { return now_; }
        void sleep(Time time);

private:
        struct Event {
                Time at;
                std::uint64_t sequence;
                Fiber* fiber;
                bool operator>(const Event& other) const
                {
                        return at != other.at ? at > other.at : sequence > other.sequence;
                }
        };

        void schedule(Time at, Fiber& fiber);

        Time now_{0};
        std::uint64_t sequence_ = 0;
        std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
        std::vector<std::unique_ptr<Fiber>> fibers_;
        Fiber* running_ = nullptr;
};

} // namespace fleet
