// SPDX-License-Identifier: Apache-2.0
#include "steps/gates.hpp"

#include <array>

#include "base/fs.hpp"
#include "checks/described_cluster.hpp"
#include "config/known_keys.hpp"
#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "containerd/registries.hpp"
#include "node/hosts_block.hpp"
#include "node/interfaces.hpp"
#include "node/shutdown_period.hpp"
#include "node/trusted_certificates.hpp"
#include "systemd/swaps.hpp"

namespace eks {

namespace {

// EKS has to be asked for what the configuration lacks.
bool needs_cluster(const GateInputs& given)
{
        return !keys_to_ask_for(given.resolved.merged.tree).empty();
}

// Also to remove a block that it wrote earlier, and if only the answer of EKS decides whether it is needed.
bool needs_hosts(const GateInputs& given)
{
        const bool may_be_local = needs_cluster(given) &&
                                  find_path(given.resolved.merged.tree, "cluster.enableOutpost") == nullptr;
        const auto hosts = read_file_if_exists(given.node.root(hosts_path)).value_or("");

        return given.node.spec.cluster.outpost || may_be_local ||
               hosts.find(hosts_block_begin) != hosts.npos;
}

// Without an archive containerd pulls any other pause image when the first pod needs it.
bool needs_sandbox_image(const GateInputs& given)
{
        const auto& root = given.node.root;
        if (exists(root(pause_archive)))
                return true;

        const auto pulls = unless_broken(given.notes, [&] {
                if (is_node_s_image(sandbox_image(given.node)))
                        return true;
                // An edited file is kept, and may name another image than ours.
                const auto present = read_file_if_exists(root(containerd_config_path));
                return present &&
                       is_node_s_image(sandbox_image_in(*present, std::string(containerd_config_path)));
        });

        return pulls.value_or(true);
}

// Also to remove what an earlier boot, or an earlier configuration of this one, has made.
bool needs_swap(const GateInputs& given)
{
        const auto& root = given.node.root;
        return given.node.spec.host.swap || exists(root(swap_file_path)) ||
               exists(root(swap_on_store_path)) || exists(root(swap_record_path));
}

constexpr std::array all_gates{
        Gate{"cluster", needs_cluster, "the configuration lacks values of the cluster"},
        Gate{"containerd-volume",
                [](const GateInputs& given) {
                        return given.node.spec.storage.containerd_volume.has_value();
                },
                "containerd.volume is set"},
        Gate{"environment",
                [](const GateInputs& given) {
                        const auto& host = given.node.spec.host;
                        return !host.environments.empty() || host.proxy.is_given();
                },
                "instance.environment or proxy is set"},
        Gate{"hosts", needs_hosts, "the cluster is, may be or was on an Outpost"},
        Gate{"instance-store",
                [](const GateInputs& given) { return given.node.spec.storage.local.has_value(); },
                "instance.localStorage is set"},
        Gate{"interface",
                [](const GateInputs& given) {
                        return !given.node.spec.host.managed_interfaces.empty() ||
                               has_more_interfaces(given.node.root, given.node.facts.all);
                },
                "the instance has interfaces for systemd-networkd beside the primary one"},
        Gate{"nvidia-mig", [](const GateInputs& given) { return given.node.spec.host.mig.has_value(); },
                "nvidia.mig.profile is set"},
        Gate{"registry-mirrors", [](const GateInputs& given) { return needs_registry_mirrors(given.node); },
                "registry.mirrors is set, or an earlier boot wrote its files"},
        Gate{"resolved",
                [](const GateInputs& given) {
                        const auto& host = given.node.spec.host;
                        return !host.name_servers.empty() || !host.search_domains.empty();
                },
                "instance.network.nameservers or .domains is set"},
        Gate{"sandbox-image", needs_sandbox_image,
                "containerd cannot pull the pause image by itself, or the machine image has an archive of it"},
        Gate{"shutdown",
                [](const GateInputs& given) {
                        return other_shutdown_period(given.node.spec.kubelet.config).has_value();
                },
                "kubelet delays a shutdown by another time than logind's drop-in of the package"},
        Gate{"soci-snapshotter", [](const GateInputs& given) { return given.node.decided.soci; },
                "soci-snapshotter unpacks images"},
        Gate{"swap", needs_swap, "swap is set, or eks-swap turned some on earlier"},
        Gate{"sysctl",
                [](const GateInputs& given) {
                        const auto& host = given.node.spec.host;
                        return !host.sysctls.empty() || !host.huge_pages.empty();
                },
                "sysctl or hugepages is set"},
        // Also to remove what is no longer configured.
        Gate{"trust",
                [](const GateInputs& given) {
                        return !given.node.spec.host.trust.empty() || exists(given.node.root(trust_stamp));
                },
                "trust.certificates is set, or was earlier"},
        // After a call kubelet starts at once, and the script continues.
        Gate{"user-scripts",
                [](const GateInputs& given) {
                        return given.resolved.has_scripts && !given.resolved.was_called;
                },
                "the user data holds scripts, and none of them called bootstrap.sh or nodeadm"},
};

} // namespace

std::span<const Gate> gates()
{
        return all_gates;
}

} // namespace eks
