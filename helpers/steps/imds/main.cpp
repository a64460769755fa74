// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"
#include "net/imds.hpp"
#include "steps/imds/imds.hpp"
#include "steps/imds/patience.hpp"
#include "steps/imds/without_imds.hpp"

namespace {

using namespace eks;

constexpr std::chrono::seconds default_timeout{120};
constexpr std::chrono::seconds unit_margin{30};       // that the manager waits longer than we do
constexpr std::chrono::milliseconds patience{12'000}; // for user data that is absent

StepPlan fetch_everything(Context& context)
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

        return plan_imds([&](const std::vector<ImdsItem>& items) { return imds.wait_for(items); });
}

void provide_facts(Context& context)
{
        const auto& root = context.root();
        std::optional<StepPlan> plan;
        if (is_service_configured(root))
                plan = plan_without_imds(root, kernel_facts(), "");

        try {
                if (!plan)
                        plan = fetch_everything(context);
        } catch (const ImdsOff& e) {
                if (has_answers_of_service(root))
                        throw;
                context.wait_ended();
                plan = plan_without_imds(root, kernel_facts(), e.what(), e.remedy());
        }

        context.apply(*plan);
}

} // namespace

int main(int argc, char** argv)
{
        return run_step(
                {.name = "eks-imds",
                        .purpose = "fetch instance metadata and user data",
                        .access = {.reads = {"/etc/credstore", "/etc/eks", "/etc/kubernetes", "/proc/1",
                                           "/proc/cmdline", "/run/cloud-init", "/run/credentials",
                                           "/run/credstore", "/run/host/credentials", "/run/systemd/netif",
                                           "/sys/class", "/sys/devices", "/usr/lib/eks", "/usr/share/eks",
                                           "/var/lib/cloud", "/var/lib/eks/commands.d"},
                                .writes = {"/run/eks"},
                                .internet = true}},
                argc, argv, provide_facts);
}
