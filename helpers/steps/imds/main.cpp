// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"
#include "net/imds.hpp"
#include "steps/imds/imds.hpp"
#include "steps/imds/patience.hpp"

namespace {

using namespace eks;

constexpr std::chrono::seconds default_timeout{120};
constexpr std::chrono::seconds unit_margin{30};       // that the manager waits longer than we do
constexpr std::chrono::milliseconds patience{12'000}; // for user data that is absent

void fetch_everything(Context& context)
{
        const auto timeout = environment_seconds("EKS_IMDS_TIMEOUT", default_timeout);
        if (timeout != default_timeout)
                notify_extend_timeout(static_cast<unsigned>((timeout + unit_margin).count()));
        context.wait_until(timeout, "the step fails, and eks-retry.timer tries it again");
        ImdsClient imds({.endpoint = imds_endpoint(),
                .timeout = timeout,
                .patience =
                        [&] {
                                return is_cluster_named(context.root()) ? ImdsClient::usual_patience
                                                                        : patience;
                        },
                .on_retry =
                        [&](const std::string& what) {
                                context.awaiting("Waiting for the instance metadata service: " + what);
                                context.log().debug(what);
                        }});
        context.apply(plan_imds([&](const std::vector<ImdsItem>& items) { return imds.wait_for(items); }));
}

} // namespace

int main(int argc, char** argv)
{
        return run_step({.name = "eks-imds",
                                .purpose = "fetch instance metadata and user data",
                                .access = {.reads = {"/etc/eks", "/proc/1", "/proc/cmdline", "/usr/lib/eks",
                                                   "/var/lib/eks/commands.d"},
                                        .writes = {"/run/eks"},
                                        .internet = true}},
                argc, argv, fetch_everything);
}
