// SPDX-License-Identifier: Apache-2.0
#include "steps/steps.hpp"

#include <algorithm>
#include <array>

#include "steps/ca/ca.hpp"
#include "steps/config/config.hpp"
#include "steps/containerd-config/containerd_config.hpp"
#include "steps/credential-provider/credential_provider.hpp"
#include "steps/environment/environment_step.hpp"
#include "steps/kubeconfig/kubeconfig.hpp"
#include "steps/kubelet-args/kubelet_args.hpp"
#include "steps/kubelet-config/kubelet_config.hpp"
#include "steps/registry-mirrors/registry_mirrors.hpp"
#include "steps/resolved/resolved.hpp"
#include "steps/shutdown/shutdown.hpp"
#include "steps/sysctl/sysctl.hpp"
#include "steps/trust/trust.hpp"

namespace eks {

namespace {

constexpr auto configured = ClusterNeed::as_configured;
constexpr auto complete = ClusterNeed::complete;

constexpr std::array rendering{
        StepInfo{"eks-ca", [](const NodeInputs& node) { return plan_ca(node); }, ca_access, complete},
        StepInfo{"eks-containerd-config", plan_containerd_config, containerd_config_access},
        StepInfo{"eks-credential-provider", plan_credential_provider, credential_provider_access},
        StepInfo{"eks-environment", plan_environment, environment_access, configured, Closing::runs_first},
        StepInfo{"eks-kubeconfig", plan_kubeconfig, kubeconfig_access, complete},
        StepInfo{"eks-kubelet-args", plan_kubelet_args, kubelet_args_access, complete},
        StepInfo{"eks-kubelet-config", plan_kubelet_config, kubelet_config_access, complete},
        StepInfo{"eks-registry-mirrors", plan_registry_mirrors, registry_mirrors_access, configured,
                Closing::stops},
        StepInfo{"eks-resolved", plan_resolved, resolved_access, configured, Closing::runs_first},
        StepInfo{"eks-shutdown", plan_shutdown, shutdown_access, configured, Closing::runs_first},
        StepInfo{"eks-sysctl", plan_sysctl, sysctl_access, configured, Closing::runs_first},
        StepInfo{"eks-trust", [](const NodeInputs& node) { return plan_trust(node).step; }, trust_access,
                configured, Closing::stops}};

void add(std::vector<std::string>& all, const std::vector<std::string>& more)
{
        for (const auto& path : more)
                if (std::ranges::find(all, path) == all.end())
                        all.push_back(path);
}

} // namespace

std::span<const StepInfo> planned_steps()
{
        return rendering;
}

Access access_to_plan()
{
        Access plans{
                .reads = {"/sys", "/usr/bin"}, .writes = {}}; // as for the programs that eks-config runs
        add(plans.reads, config_access().reads);

        for (const auto& step : rendering) {
                const auto access = step.access();
                add(plans.reads, access.reads);
                add(plans.reads, access.writes); // to compare with what is there
                add(plans.devices, access.devices);
                plans.loads_libraries = plans.loads_libraries || access.loads_libraries;
        }

        const auto all = plans.reads;
        std::erase_if(plans.reads, [&](const std::string& path) { // a directory stands for what is below it
                return std::ranges::any_of(
                        all, [&](const std::string& other) { return path.starts_with(other + "/"); });
        });

        return plans;
}

} // namespace eks
