// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <fmt/format.h>

#include "base/json.hpp"

namespace fleet {

namespace {

std::string shown(Time time)
{
        if (time < Time(0))
                return "never";
        const auto seconds = std::chrono::duration<double>(time).count();
        return fmt::format("{:.1f}", seconds);
}

eks::OrderedJson as_json(Time time)
{
        if (time < Time(0))
                return nullptr;
        return static_cast<double>(std::chrono::round<std::chrono::milliseconds>(time).count()) / 1000;
}

eks::OrderedJson times(const std::vector<Time>& all, std::size_t nodes)
{
        return {{"count", all.size()}, {"p50", as_json(percentile(all, nodes, 0.5))},
                {"p99", as_json(percentile(all, nodes, 0.99))},
                {"last", as_json(all.empty() ? Time(-1) : all.back())}};
}

eks::OrderedJson tally(const Tally& tally)
{
        return {{"sent", tally.sent}, {"served", tally.served}, {"throttled", tally.throttled},
                {"failed", tally.failed}};
}

} // namespace

std::string render_table(const std::vector<Result>& results)
{
        std::string text;
        const Case* what = nullptr;
        for (const auto& result : results) {
                if (what != result.what) {
                        what = result.what;
                        text += fmt::format("{}{}: {} ({} nodes)\n", text.empty() ? "" : "\n", what->name,
                                what->title, result.nodes);
                        text += fmt::format(
                                "  {:<18}{:>10}{:>10}{:>11}{:>9}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "",
                                "requests", "served", "throttled", "5xx", "restarts", "joined", "50 %",
                                "99 %", "last", "ready");
                }

                const auto& calls = result.calls;
                text += fmt::format(
                        "  {:<18}{:>10.2f}{:>10.2f}{:>11.2f}{:>9.2f}{:>10.2f}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
                        result.client->name, result.per_node(calls.sent), result.per_node(calls.served),
                        result.per_node(calls.throttled), result.per_node(calls.failed),
                        result.per_node(result.restarts), result.joined.size(),
                        shown(percentile(result.joined, result.nodes, 0.5)),
                        shown(percentile(result.joined, result.nodes, 0.99)),
                        shown(result.joined.empty() ? Time(-1) : result.joined.back()),
                        shown(result.ready.empty() ? Time(-1) : result.ready.back()));
        }

        return text + R"(
Requests, served, throttled, 5xx: of EC2 and EKS, for each node. Restarts: of the step, by eks-retry.timer,
for each node. Times in seconds: until 50 % and 99 % of all nodes and the last of those that join are
registered; until the last one has its images.
)";
}

std::string render_json(const std::vector<Result>& results)
{
        auto list = eks::OrderedJson::array();
        for (const auto& result : results)
                list.push_back({{"case", result.what->name}, {"client", result.client->name},
                        {"nodes", result.nodes}, {"calls", tally(result.calls)},
                        {"requestsPerNode", result.per_node(result.calls.sent)},
                        {"servedPerNode", result.per_node(result.calls.served)},
                        {"restarts", result.restarts}, {"joined", times(result.joined, result.nodes)},
                        {"certified", times(result.certified, result.nodes)},
                        {"ready", times(result.ready, result.nodes)}, {"apiServer", tally(result.api)},
                        {"registryLogins", tally(result.logins)}});
        return list.dump(2) + "\n";
}

} // namespace fleet
