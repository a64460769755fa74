// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "node/shutdown_period.hpp"
#include "steps/shutdown/shutdown.hpp"

using namespace eks;
using test::file_in;
using test::ReferenceNode;

namespace {

// In seconds; 0 for nothing.
long period(const Json& config)
{
        return shutdown_period(config).value_or(std::chrono::seconds(0)).count();
}

} // namespace

TEST_CASE("The time that kubelet asks logind for", "[shutdown]")
{
        const auto written = [](const char* text) { return period({{"shutdownGracePeriod", text}}); };
        CHECK(written("45s") == 45);
        CHECK(written("2m30s") == 150);
        CHECK(written("1.5h") == 5400);
        CHECK(written("1h0m0.5s") == 3601);
        CHECK(written("1500ms") == 2);

        for (const auto* nothing :
                {"0s", "0", "", "s", "45", "45 s", "-45s", "1d", "nan", "inf", "1e3s", "99999h", "10ms10"}) {
                CAPTURE(nothing);
                CHECK(written(nothing) == 0);
        }

        CHECK(period(Json::object()) == 0);
        CHECK(period(nullptr) == 0);
        CHECK(period({{"shutdownGracePeriod", 45}}) == 0);
        CHECK(period({{"shutdownGracePeriodByPodPriority",
                      {{{"priority", 1000}, {"shutdownGracePeriodSeconds", 20}},
                              {{"priority", 0}, {"shutdownGracePeriodSeconds", 60}}}}}) == 80);
        CHECK(period({{"shutdownGracePeriodByPodPriority", {1, Json::object(), nullptr}}}) == 0);
}

TEST_CASE("logind gets the time of the configuration, in a file after kubelet's own", "[shutdown]")
{
        const ReferenceNode node;
        const auto planned = [&](const std::string& spec) {
                return file_in(plan_shutdown(node.inputs(spec)), std::string(logind_drop_in));
        };

        CHECK(planned("  kubelet:\n    config: {shutdownGracePeriod: 5m}\n").content ==
                "# Made by eks-shutdown.service, from kubelet's configuration.\n"
                "[Login]\n"
                "InhibitDelayMaxSec=300s\n");
        CHECK(planned("").kind == File::Kind::absent);
        CHECK(planned("  kubelet:\n    config: {shutdownGracePeriod: 0s}\n").kind == File::Kind::absent);
        CHECK(logind_drop_in.substr(logind_drop_in.rfind('/') + 1) > std::string_view("99-kubelet.conf"));
}
