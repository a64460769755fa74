// SPDX-License-Identifier: Apache-2.0
// The paths of kubelet's configuration.
#pragma once

#include <string_view>

namespace eks {

inline constexpr std::string_view kubelet_config_template = "/usr/share/eks/kubelet/config.json";
inline constexpr std::string_view kubelet_config_path = "/etc/kubernetes/kubelet/config.json";
inline constexpr std::string_view kubelet_config_directory = "/etc/kubernetes/kubelet/config.json.d";
// The name that images of Amazon Linux 2 have: a link, unless a script has put a file there.
inline constexpr std::string_view kubelet_config_link = "/etc/kubernetes/kubelet/kubelet-config.json";
inline constexpr std::string_view kubelet_config_link_target = "config.json";

} // namespace eks
