// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <fmt/format.h>

#include "base/text.hpp"
#include "imds.hpp"
#include "net/imds.hpp"

namespace {

using namespace eks;

constexpr unsigned default_timeout = 30; // seconds
constexpr unsigned unit_margin = 10;     // seconds that the manager waits longer than we do

unsigned timeout_seconds()
{
        const char* text = std::getenv("EKS_IMDS_TIMEOUT");
        if (text == nullptr || *text == '\0')
                return default_timeout;
        const auto seconds = parse_int<unsigned>(text);
        if (!seconds || *seconds < 1 || *seconds > 3600)
                throw Error(failure::usage,
                        fmt::format("EKS_IMDS_TIMEOUT={}: not a number of seconds", text), "Give 1 to 3600");
        return *seconds;
}

void fetch_everything(Context& context)
{
        const auto timeout = timeout_seconds();
        if (timeout != default_timeout)
                notify_extend_timeout(timeout + unit_margin);
        ImdsClient imds({.endpoint = imds_endpoint(),
                .timeout = std::chrono::seconds(timeout),
                .on_retry = [&](const std::string& what) {
                        context.awaiting("Waiting for the instance metadata service: " + what);
                        context.log().debug(what);
                }});
        context.apply(plan_imds([&](const std::vector<std::string>& paths) { return imds.fetch(paths); }));
}

} // namespace

int main(int argc, char** argv)
{
        return run_step({.name = "eks-imds",
                                .purpose = "fetch instance metadata and user data",
                                .access = {.writes = {"/run/eks"}}},
                argc, argv, fetch_everything);
}
