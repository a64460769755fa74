// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <catch2/catch.hpp>

#include "base/environment.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::chrono_literals;

namespace {

constexpr auto name = "EKS_TEST_TIMEOUT";

} // namespace

TEST_CASE("A variable that is not set counts as empty", "[environment]")
{
        ::unsetenv(name);
        CHECK(environment(name).empty());
        ::setenv(name, "x", 1);
        CHECK(environment(name) == "x");
        ::unsetenv(name);
}

TEST_CASE("A time limit is a whole number of seconds, up to a day", "[environment]")
{
        for (const auto* text : {"", "1", "86400"}) {
                ::setenv(name, text, 1);
                CHECK(environment_seconds(name, 30s) ==
                        (*text == '\0' ? 30s : std::chrono::seconds(std::atoi(text))));
        }

        for (const auto* text : {"0", "-1", "86401", "1s", " 1", "x", "99999999999"}) {
                ::setenv(name, text, 1);
                const auto result = test::refusal([] { environment_seconds(name, 30s); });
                CHECK(result.failure == "usage");
                CHECK(result.mentions(std::string(name) + "=" + text));
        }

        ::unsetenv(name);
        CHECK(environment_seconds(name, 30s) == 30s);
}
