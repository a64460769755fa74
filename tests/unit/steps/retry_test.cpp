// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "steps/retry/retry.hpp"

using namespace eks;

namespace {

FailedStep step(const char* unit, const char* result, int status, bool required)
{
        return {.unit = unit, .result = result, .exit_status = status, .required = required};
}

const auto unreachable = step("eks-imds.service", "exit-code", 69, true);
const auto bad_config = step("eks-ca.service", "exit-code", 78, true);
const auto image = step("eks-sandbox-image.service", "exit-code", 69, false);
const auto sysctl = step("eks-sysctl.service", "exit-code", 78, false);

} // namespace

TEST_CASE("An unreachable service and a killed program are temporary", "[retry]")
{
        CHECK(may_pass(unreachable));

        for (const auto* result : {"signal", "core-dump", "timeout", "oom-kill", "resources"}) {
                CAPTURE(result);
                CHECK(may_pass(step("eks-ca.service", result, 9, true)));
        }

        for (const int status : {1, 2, 75, 78, 203}) {
                CAPTURE(status);
                CHECK_FALSE(may_pass(step("eks-ca.service", "exit-code", status, true)));
        }

        CHECK_FALSE(may_pass(step("eks-ca.service", "protocol", 0, true)));
}

TEST_CASE("The chain is tried again while every required failure is temporary", "[retry]")
{
        CHECK(verdict_on({}).kind == Verdict::Kind::nothing);
        CHECK(verdict_on({sysctl}).kind == Verdict::Kind::nothing);

        const auto chain = verdict_on({sysctl, unreachable, image});
        CHECK(chain.kind == Verdict::Kind::again);
        CHECK(chain.start == std::vector<std::string>{"eks-node.target"});
        CHECK(chain.why == "eks-imds.service (exit status 69)");

        for (const auto& failed :
                {std::vector{bad_config, unreachable}, std::vector{unreachable, bad_config}}) {
                const auto person = verdict_on(failed);
                CHECK(person.kind == Verdict::Kind::person);
                CHECK(person.start.empty());
                CHECK(person.why == "eks-ca.service (exit status 78)");
        }
}

TEST_CASE("A step that kubelet runs without is started alone", "[retry]")
{
        const auto alone = verdict_on({image, sysctl});
        CHECK(alone.kind == Verdict::Kind::again);
        CHECK(alone.start == std::vector<std::string>{"eks-sandbox-image.service"});
        CHECK(verdict_on({step("eks-sysctl.service", "signal", 9, false)}).why ==
                "eks-sysctl.service (signal)");
}
