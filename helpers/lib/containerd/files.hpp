// SPDX-License-Identifier: Apache-2.0
// The paths of the configuration of containerd and soci-snapshotter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eks {

inline constexpr std::string_view containerd_config_path = "/etc/containerd/config.toml";
inline constexpr std::string_view registries_directory = "/etc/containerd/certs.d";
inline constexpr std::string_view soci_config_path = "/etc/soci-snapshotter-grpc/config.toml";

// The user's TOML for containerd, merged over ours; lowest precedence first, as drop_ins() takes them.
inline std::vector<std::string> containerd_drop_in_directories()
{
        return {"/usr/lib/eks/containerd.d", "/etc/eks/containerd.d"};
}

} // namespace eks
