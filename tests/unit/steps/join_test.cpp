// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/json.hpp"
#include "steps/join/join.hpp"

using namespace eks;

TEST_CASE("The state is JSON for other programs", "[join]")
{
        JoinState state;
        state.read(
                R"(E1124 21:30:05.1 1234 kubelet_node_status.go:107] "Unable to register node with API server" err="Unauthorized" node="a")");
        const auto status = Json::parse(render_status(state));
        CHECK(status["schema"] == 1);
        CHECK(status["state"] == "not-registered");
        CHECK(status["code"] == "unauthorized");
        CHECK(status["cause"] == "Unauthorized");

        state.take_as_ready();
        CHECK(Json::parse(render_status(state)) == Json{{"schema", 1}, {"state", "ready"}, {"code", ""},
                                                           {"cause", ""}, {"change", ""}, {"since", 0}});
}
