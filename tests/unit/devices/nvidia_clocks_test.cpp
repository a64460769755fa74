// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <catch2/catch.hpp>

#include "base/log.hpp"
#include "steps/nvidia-clocks/nvidia_clocks.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::chrono_literals;
using test::TemporaryDirectory;

namespace {

struct Result {
        test::Refusal refused;
        std::string summary;
};

Result set_clocks(
        const std::string& library, const char* wish = "", std::chrono::milliseconds deadline = 60s)
{
        const Log log("test", Level::err);
        const Root root;
        Context context(root, log);
        ::setenv("EKS_FAKE_NVML", wish, 1);
        Result result;
        result.refused = test::refusal([&] { set_nvidia_clocks(context, library, deadline); });
        ::unsetenv("EKS_FAKE_NVML");
        result.summary = context.summary();

        return result;
}

} // namespace

TEST_CASE("Each GPU gets its highest clocks, in persistence mode and without boosting", "[nvidia-clocks]")
{
        const auto done = set_clocks(FAKE_NVML);
        CHECK(done.refused.failure == "nothing");
        CHECK(done.summary == "GPU 0: 6251 MHz of memory, 1710 MHz of graphics, "
                              "GPU 1: chooses its clocks itself");
}

TEST_CASE("A driver that refuses, hangs or crashes is a failure of clocks", "[nvidia-clocks]")
{
        for (const auto& [wish, why] : std::vector<std::pair<const char*, const char*>>{
                     {"fail", "nvmlInit_v2 gives 9"}, {"crash", "it does not answer"},
                     {"refuse-clocks", "GPU 0: nvmlDeviceSetApplicationsClocks gives 4"}}) {
                CAPTURE(wish);
                const auto failed = set_clocks(FAKE_NVML, wish).refused;
                CHECK(failed.failure == "nvidia-clocks-failed");
                CHECK(failed.mentions(why));
        }

        const auto hangs = set_clocks(FAKE_NVML, "hang", 100ms).refused;
        CHECK(hangs.failure == "nvidia-clocks-failed");
        CHECK(hangs.mentions("it does not answer"));
        CHECK(set_clocks("/nonexistent/libnvidia-ml.so.1").refused.mentions("cannot open"));
}
