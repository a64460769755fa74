// SPDX-License-Identifier: Apache-2.0
// eks-docker-runtimes: the runtimes of this machine in Docker's configuration, for hosts of ECS and others
// that are not Kubernetes nodes.
// Reads: descriptors of runtimes, the configuration's files, daemon.json. Writes: daemon.json, merged, and
// which of its entries are ours. Again: the same entries, the same file.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/configured.hpp"
#include "containerd/runtimes.hpp"
#include "node/version.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr std::string_view docker_config_path = "/etc/docker/daemon.json";
inline constexpr std::string_view docker_memory_path = "/var/lib/eks/docker-runtimes.json";

// Called only if a runtime needs the version; nothing if it is unknown.
using DockerVersion = std::function<std::optional<Version>()>;

// From /etc/eks/docker-version.txt, else by asking dockerd.
std::optional<Version> docker_version(const Root& root);

// All runtimes that are described. Which of them is containerd's default does not matter. Throws Error as
// runtime_handlers().
RuntimeHandlers docker_handlers(const Root& root, RuntimeSettings settings);

// The keys of daemon.json that we want: "runtimes", and "default-runtime" if there is one. Throws Error
// (runtime_invalid) if it is not available, and for two runtimes of one name.
Json docker_keys(const Root& root, const RuntimeHandlers& handlers, const Sourced& default_runtime,
        const DockerVersion& version, std::vector<Note>& notes);

struct DockerPlan {
        StepPlan step;
        Json known; // the keys of daemon.json that have been ours
        Json ours;  // those that are from now on
};

// daemon.json with our keys added, and our obsolete keys removed. Everything else stays as it is, also keys
// that others have changed or removed since, with a note.
// Throws Error: config_syntax with line and column for what is not JSON, config_invalid if it is not an
// object, runtime_invalid if the default runtime of the file is one of ours that is not available any more.
DockerPlan plan_docker_runtimes(const Root& root, const Json& wanted);

// Remember what is going to be ours, before the file is written, and what is ours once it is in place: a run
// that is killed in between must not take our keys for somebody else's.
void announce_docker_keys(const Root& root, const DockerPlan& plan);
void remember_docker_keys(const Root& root, const DockerPlan& plan);

} // namespace eks
