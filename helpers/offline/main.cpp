// SPDX-License-Identifier: Apache-2.0
// eksnode-plan, and through links eksnode-validate and others: runs the verb, step or command of the older
// images of the name by which it is called.
#include <array>
#include <cstdio>
#include <string_view>

#include <fmt/format.h>

#include "compat/commands.hpp"
#include "offline/verbs.hpp"

namespace {

struct Verb {
        std::string_view name;
        int (*run)(int argc, char** argv);
};

constexpr std::array verbs{Verb{"apply", eks::apply_verb}, Verb{"config", eks::config_verb},
        Verb{"explain", eks::explain_verb}, Verb{"host", eks::host_verb}, Verb{"image", eks::image_verb},
        Verb{"max-pods", eks::max_pods_verb}, Verb{"migrate", eks::migrate_verb},
        Verb{"plan", eks::plan_verb}, Verb{"runtimes", eks::runtimes_verb}, Verb{"set", eks::set_verb},
        Verb{"storage", eks::storage_verb}, Verb{"takeover", eks::takeover_verb},
        Verb{"unset", eks::unset_verb}, Verb{"validate", eks::validate_verb},
        Verb{"validate-image", eks::validate_image_verb}, Verb{"versions", eks::versions_verb},
        Verb{"bootstrap.sh", eks::bootstrap_command}, Verb{"eks-cluster", eks::cluster_step},
        Verb{"eks-containerd-volume", eks::containerd_volume_step},
        Verb{"eks-docker-runtimes", eks::docker_runtimes_step},
        Verb{"eks-environment", eks::environment_step}, Verb{"eks-instance-store", eks::instance_store_step},
        Verb{"eks-interface", eks::interface_step}, Verb{"eks-kubelet-edits", eks::kubelet_edits_step},
        Verb{"eks-efa", eks::efa_step}, Verb{"eks-neuron", eks::neuron_step},
        Verb{"eks-nvidia", eks::nvidia_step}, Verb{"eks-nvidia-cdi", eks::nvidia_cdi_step},
        Verb{"eks-nvidia-clocks", eks::nvidia_clocks_step}, Verb{"eks-nvidia-mig", eks::nvidia_mig_step},
        Verb{"eks-registry-mirrors", eks::registry_mirrors_step}, Verb{"eks-resolved", eks::resolved_step},
        Verb{"eks-retry", eks::retry_step}, Verb{"eks-shutdown", eks::shutdown_step},
        Verb{"eks-swap", eks::swap_step}, Verb{"eks-sysctl", eks::sysctl_step},
        Verb{"eks-trust", eks::trust_step}, Verb{"eks-user-scripts", eks::user_scripts_step},
        Verb{"nodeadm", eks::nodeadm_command}};

} // namespace

int main(int argc, char** argv)
{
        std::string_view name = argc > 0 ? argv[0] : "";
        name.remove_prefix(name.rfind('/') + 1); // npos + 1 is 0
        if (name.starts_with("eksnode-"))
                name.remove_prefix(8);
        for (const auto& verb : verbs)
                if (verb.name == name)
                        return verb.run(argc, argv);
        for (const auto& command : eks::compat_commands)
                if (command.name == name)
                        return command.run(argc, argv);
        fmt::print(stderr, "unknown verb '{}': run `eksnode VERB`\n", name);
        return 2;
}
