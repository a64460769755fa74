// SPDX-License-Identifier: Apache-2.0
// eksnode's own code: the steps' loops, the client of AWS, signatures, retries. Only the world is made up.
#include <algorithm>
#include <stdexcept>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "clients.hpp"
#include "net/aws_world.hpp"
#include "net/ec2.hpp"
#include "steps/cluster/cluster.hpp"
#include "steps/ec2/ec2.hpp"

namespace fleet {

namespace {

using std::chrono::milliseconds;

// As in steps/cluster/ask.cpp and steps/ec2/world.cpp.
constexpr std::chrono::seconds answer_limit{120};
constexpr std::chrono::seconds throttled_limit{600};
constexpr std::chrono::seconds cluster_limit{1200};
constexpr std::chrono::seconds instance_limit{600};

constexpr const char* region = "us-west-2";

// One run of the step: what a program knows of one call to the next ends with it.
class Step {
public:
        Step(Node& node, const Case& what) : node_(&node), what_(&what) {}

        void run()
        {
                if (what_->need == Need::cluster)
                        eks::wait_for_cluster({.name = "fleet",
                                                      .region = region,
                                                      .partition = "aws",
                                                      .account = "123456789012"},
                                {.describe =
                                                [this] {
                                                        return call(
                                                                "eks", eks::describe_request("fleet"), {});
                                                },
                                        .wait = [this](milliseconds time,
                                                        const std::string&) { wait(time); },
                                        .limit = cluster_limit});
                else
                        eks::wait_for_instance(node_->machine.id, true,
                                {.describe_instance =
                                                [this](const eks::AwsRequest& request) {
                                                        return call("ec2", request, eks::ec2_error);
                                                },
                                        .describe_type = {},
                                        .wait = [this](milliseconds time,
                                                        const std::string&) { wait(time); },
                                        .limit = instance_limit});
        }

private:
        std::string call(const std::string& service, const eks::AwsRequest& request,
                const std::function<eks::AwsError(const std::string&)>& parse_error)
        {
                const auto now = world_.now();
                eks::AwsCallOptions options;
                options.deadline = now + answer_limit;
                options.throttled_deadline = now + throttled_limit;
                options.parse_error = parse_error;
                return eks::aws_call_in(world_, service, region, request, options);
        }

        // wait_for_instance() draws its pauses from the system's random numbers, which no run could repeat.
        // They are drawn again here, from the same range.
        void wait(milliseconds time)
        {
                const auto most = pause_;
                pause_ = std::min(pause_ * 2, longest_pause);
                if (time < most / 2 || time > most)
                        throw std::logic_error("the pauses of steps/ec2/ec2.cpp are others now");
                node_->simulation->sleep(node_->machine.random.between(most / 2, most));
        }

        eks::AwsCredentials credentials() const
        {
                if (what_->credentials_in_environment)
                        return {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
                node_->simulation->sleep(node_->machine.random.between(2ms, 10ms)); // IMDS, on the machine
                return {"ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "TOKEN", "eks-node"};
        }

        static constexpr milliseconds longest_pause{60000};

        Node* node_;
        const Case* what_;
        milliseconds pause_{4000}; // the next one
        eks::AwsWorld world_{.attempt =
                                     [this](const eks::HttpRequest& request, milliseconds) {
                                             eks::HttpAttempt attempt{.request = &request};
                                             attempt.response =
                                                     node_->cloud->answer(node_->machine, request);
                                             attempt.ended = true;
                                             return attempt;
                                     },
                .now = [this] { return std::chrono::steady_clock::time_point(node_->simulation->now()); },
                .clock =
                        [this] {
                                constexpr std::chrono::sys_days begin{std::chrono::year(2026) / 1 / 1};
                                return std::chrono::system_clock::time_point(begin) +
                                       node_->simulation->now();
                        },
                .sleep = [this](milliseconds time) { node_->simulation->sleep(time); },
                .random = [this] { return node_->machine.random(); },
                .credentials = [this](const eks::AwsCallOptions&) { return credentials(); }};
};

bool run_step(Node& node, const Case& what)
{
        constexpr int may_pass_first = 69; // sysexits: endpoint unreachable
        constexpr int may_pass_last = 75;  // try again
        try {
                Step(node, what).run();
                return true;
        } catch (const eks::Error& e) {
                if (e.exit_status() != may_pass_first && e.exit_status() != may_pass_last)
                        throw;
                return false;
        }
}

Time parse_time(std::string_view text)
{
        const auto digits = text.find_first_not_of("0123456789");
        const auto count = eks::parse_int<unsigned>(text.substr(0, digits));
        const auto unit = digits == text.npos ? std::string_view() : text.substr(digits);
        if (count && unit == "s")
                return std::chrono::seconds(*count);
        if (count && unit == "min")
                return std::chrono::minutes(*count);
        throw std::runtime_error("eks-retry.timer: not a time: " + std::string(text));
}

} // namespace

std::vector<Time> retry_schedule()
{
        constexpr std::string_view key = "OnActiveSec=";
        const auto unit = eks::read_file(SOURCE_DIR "/units/eks-retry.timer");
        std::vector<Time> times;
        for (std::size_t at = 0; at < unit.size();) {
                const auto end = std::min(unit.find('\n', at), unit.size());
                const auto line = std::string_view(unit).substr(at, end - at);
                if (line.starts_with(key))
                        times.push_back(parse_time(line.substr(key.size())));
                at = end + 1;
        }

        if (times.empty())
                throw std::runtime_error("eks-retry.timer has no schedule");
        return times;
}

bool get_as_eksnode(Node& node, const Case& what)
{
        static const auto schedule = retry_schedule();
        if (run_step(node, what))
                return true;

        // The first failure starts the timer. An attempt that is due while the last one goes on starts
        // nothing.
        const auto first = node.simulation->now();
        for (const auto time : schedule) {
                if (first + time < node.simulation->now())
                        continue;
                node.simulation->sleep(first + time - node.simulation->now());
                ++node.restarts;
                if (run_step(node, what))
                        return true;
        }

        return false;
}

} // namespace fleet
