// SPDX-License-Identifier: Apache-2.0
// Which daemon reads which file when it starts, and which of them run on an older file. Without D-Bus:
// systemd keeps a link for every unit that runs, and its time is that of the start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"

namespace eks {

inline constexpr std::string_view containerd_unit = "containerd.service";
inline constexpr std::string_view docker_unit = "docker.service";
inline constexpr std::string_view kubelet_unit = "kubelet.service";
inline constexpr std::string_view soci_unit = "soci-snapshotter.service";

// The files of eks-environment: one for each service, and `default`, which stands for all services and
// records the variables given to the manager.
inline constexpr std::string_view environment_directory = "/run/eks/environment/";
inline constexpr std::string_view every_service = "default";
// The certificates that eks-trust has put into the store. Written after them, so that what was interrupted
// is seen as a difference.
inline constexpr std::string_view trusted_path = "/run/eks/trust.pem";

// The units that read a file only when they start; the first is the one to name. containerd reads the
// mirrors of registries at each pull, and the files of runtimes when a pod starts.
std::vector<std::string> readers_of(std::string_view path);

bool runs(const Root& root, std::string_view unit);

struct StaleDaemon {
        std::string unit;
        std::string path; // the first file that it read before it was written
        bool operator==(const StaleDaemon&) const = default;
};
// The daemons that run and were started before one of these files was written.
std::vector<StaleDaemon> stale_daemons(const Root& root, const std::vector<std::string>& paths);
// The same for all files of the steps, as far as this process may read them.
std::vector<StaleDaemon> stale_daemons(const Root& root);

// "containerd.service was started before '/etc/containerd/config.toml' was written"
std::string text_of(const StaleDaemon& daemon);

} // namespace eks
