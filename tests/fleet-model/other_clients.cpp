// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "clients.hpp"

namespace fleet {

namespace {

eks::HttpRequest request(const Case& what)
{
        eks::HttpRequest result;
        result.url = fmt::format(
                "https://{}.us-west-2.amazonaws.com/", what.need == Need::instance ? "ec2" : "eks");
        return result;
}

// The answer to the last attempt; `delay` is the pause after an attempt, counted from 1.
template <typename Delay>
eks::HttpResponse try_call(Node& node, const Case& what, unsigned attempts, const Delay& delay)
{
        for (unsigned attempt = 1;; ++attempt) {
                auto answer = node.cloud->answer(node.machine, request(what));
                if (answer.status == 200 || attempt == attempts)
                        return answer;
                node.simulation->sleep(delay(attempt));
        }
}

// DescribeCluster never lacks anything here; DescribeInstances may lack the name.
bool is_complete(const eks::HttpResponse& answer)
{
        return answer.status == 200 &&
               answer.body.find("<privateDnsName></privateDnsName>") == answer.body.npos;
}

Time doubled(Time first, unsigned times, Time most)
{
        for (unsigned i = 0; i < times && first < most; ++i)
                first *= 2;
        return std::min(first, most);
}

// A command of the AWS CLI in its legacy mode, five attempts: a random part of 1, 2, 4 and 8 s.
eks::HttpResponse run_cli(Node& node, const Case& what)
{
        constexpr Time start = 700ms; // the time that Python takes
        node.simulation->sleep(node.machine.random.between(start, start * 2));
        return try_call(node, what, 5, [&](unsigned attempt) {
                return node.machine.random.between(0s, doubled(1s, attempt - 1, 20s));
        });
}

} // namespace

bool get_as_plain_backoff(Node& node, const Case& what)
{
        constexpr Time limit = 10min;
        const auto begin = node.simulation->now();
        for (unsigned poll = 0;; ++poll) {
                const auto answer = try_call(
                        node, what, 30, [](unsigned attempt) { return doubled(1s, attempt - 1, 20s); });
                if (is_complete(answer))
                        return true;

                // nodeadm's waiter, which is there for the name and repeats failed calls, too.
                if (what.need != Need::instance)
                        return false;
                const auto pause = doubled(15s, poll, 120s);
                if (node.simulation->now() + pause > begin + limit)
                        return false;
                node.simulation->sleep(pause);
        }
}

bool get_as_bootstrap_script(Node& node, const Case& what)
{
        if (what.need == Need::instance) {
                // private-dns-name: 20 commands, 6 s apart
                for (int i = 0; i < 20; ++i) {
                        if (is_complete(run_cli(node, what)))
                                return true;
                        node.simulation->sleep(6s);
                }
                return false;
        }

        // `aws eks wait cluster-active` and `aws eks describe-cluster`, four times
        for (unsigned retry = 0;; ++retry) {
                if (run_cli(node, what).status == 200 && run_cli(node, what).status == 200)
                        return true;
                if (retry == 3)
                        return false;
                node.simulation->sleep(doubled(10s, retry, 40s) + node.machine.random.between(1s, 10s));
        }
}

} // namespace fleet
