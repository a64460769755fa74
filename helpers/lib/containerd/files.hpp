// SPDX-License-Identifier: Apache-2.0
// The paths of the configuration of containerd and soci-snapshotter.
#pragma once

#include <string_view>

namespace eks {

inline constexpr std::string_view containerd_config_path = "/etc/containerd/config.toml";
inline constexpr std::string_view registries_directory = "/etc/containerd/certs.d";
inline constexpr std::string_view soci_config_path = "/etc/soci-snapshotter-grpc/config.toml";

} // namespace eks
