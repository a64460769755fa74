// SPDX-License-Identifier: Apache-2.0
#include "net/pull.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds first_delay = 500ms; // between attempts; doubles
constexpr milliseconds max_delay = 8s;

} // namespace

bool is_pinned(const std::map<std::string, std::string>& labels)
{
        const auto pin = labels.find(pin_key);
        return pin != labels.end() && pin->second == pin_value;
}

void pull_image(ContainerdClient& containerd, const std::string& name,
        const std::function<std::optional<RegistryLogin>()>& login, milliseconds limit,
        const std::function<void(const std::string&)>& on_retry)
{
        const auto deadline = Clock::now() + limit;
        auto delay = first_delay;
        unsigned refusals = 0;

        for (unsigned attempt = 1;; ++attempt) {
                const auto credentials = login();
                const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());

                const auto pull = containerd.pull_image(name, credentials, std::max(left, milliseconds(1)));
                switch (pull.outcome) {
                case Pull::Outcome::done:
                        return;
                case Pull::Outcome::absent:
                        throw Error(failure::image_absent,
                                fmt::format("the registry has no image '{}': {}", name, pull.reason),
                                "Check the name, and that the image was pushed there");
                case Pull::Outcome::invalid:
                        throw Error(failure::image_absent,
                                fmt::format("containerd cannot pull '{}': {}", name, pull.reason),
                                "Check the name");
                case Pull::Outcome::unauthorized:
                        if (++refusals == login_attempts)
                                throw Error(failure::image_refused,
                                        fmt::format(
                                                "the registry refused to give '{}': {}", name, pull.reason),
                                        credentials ? "Check that the login, or the instance's role, may "
                                                      "pull from that repository"
                                                    : "The registry wants a login");
                        break;
                case Pull::Outcome::failed:
                        break;
                }

                if (Clock::now() + delay >= deadline)
                        throw Error(failure::image_pull,
                                fmt::format("'{}' could not be pulled in {} s, {} {}: {}", name,
                                        std::chrono::duration_cast<std::chrono::seconds>(limit).count(),
                                        attempt, attempt == 1 ? "attempt" : "attempts", pull.reason),
                                "Check that this machine reaches the registry, by a route, a VPC endpoint, "
                                "a mirror or a proxy");

                on_retry(fmt::format("pulling '{}', attempt {}: {}", name, attempt, pull.reason));
                std::this_thread::sleep_for(delay);
                delay = std::min(delay * 2, max_delay);
        }
}

} // namespace eks
