// SPDX-License-Identifier: Apache-2.0
#include "config/node_spec.hpp"
#include "config/sources.hpp"
#include "steps/docker-runtimes/docker_runtimes.hpp"
#include "systemd/daemons.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step(
                {.name = "eks-docker-runtimes",
                        .purpose = "tell Docker the container runtimes of this machine",
                        .access = {.reads = {"/etc/containerd", "/etc/eks", "/etc/hosts", "/etc/kubernetes",
                                           "/run/eks", "/usr/share/eks"}, // and what programs may read
                                .writes = {"/etc/docker", "/var/lib/eks"},
                                .runs_programs = true}, // Docker may be asked for its version
                        .read_by = {docker_unit}},
                argc, argv, [](Context& context) {
                        const auto& root = context.root();
                        const auto merged = resolve_node_layers(root).merged;
                        merged.problems.throw_if_any(failure::config_invalid);
                        const auto spec = node_spec(merged.tree, merged.marks);
                        std::vector<Note> notes;
                        const auto wanted = docker_keys(
                                root, docker_handlers(root, spec.containerd.runtimes),
                                spec.host.docker_runtime, [&] { return docker_version(root); }, notes);
                        auto plan = plan_docker_runtimes(root, wanted);
                        plan.step.notes.insert(plan.step.notes.begin(), notes.begin(), notes.end());
                        announce_docker_keys(root, plan);
                        context.apply(plan.step);
                        remember_docker_keys(root, plan);
                });
}
