// SPDX-License-Identifier: Apache-2.0
// The verbs that need no network, and the steps with the same libraries. Each is a main(); they are one
// program, because the libraries are large.
#pragma once

namespace eks {

int apply_verb(int argc, char** argv);
int bootstrap_command(int argc, char** argv);
int cluster_step(int argc, char** argv);
int config_verb(int argc, char** argv);
int containerd_volume_step(int argc, char** argv);
int docker_runtimes_step(int argc, char** argv);
int environment_step(int argc, char** argv);
int efa_step(int argc, char** argv);
int explain_verb(int argc, char** argv);
int host_verb(int argc, char** argv);
int image_verb(int argc, char** argv);
int instance_store_step(int argc, char** argv);
int interface_step(int argc, char** argv);
int kubelet_edits_step(int argc, char** argv);
int max_pods_verb(int argc, char** argv);
int migrate_verb(int argc, char** argv);
int neuron_step(int argc, char** argv);
int nodeadm_command(int argc, char** argv);
int nvidia_cdi_step(int argc, char** argv);
int nvidia_clocks_step(int argc, char** argv);
int nvidia_mig_step(int argc, char** argv);
int nvidia_step(int argc, char** argv);
int plan_verb(int argc, char** argv);
int registry_mirrors_step(int argc, char** argv);
int resolved_step(int argc, char** argv);
int retry_step(int argc, char** argv);
int runtimes_verb(int argc, char** argv);
int set_verb(int argc, char** argv);
int shutdown_step(int argc, char** argv);
int storage_verb(int argc, char** argv);
int swap_step(int argc, char** argv);
int sysctl_step(int argc, char** argv);
int takeover_verb(int argc, char** argv);
int trust_step(int argc, char** argv);
int unset_verb(int argc, char** argv);
int user_scripts_step(int argc, char** argv);
int validate_image_verb(int argc, char** argv);
int validate_verb(int argc, char** argv);
int versions_verb(int argc, char** argv);

} // namespace eks
