// SPDX-License-Identifier: Apache-2.0
// The arguments of kubelet in the file that eks-kubelet-args writes for its unit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"

namespace eks {

inline constexpr std::string_view kubelet_environment_path = "/etc/eks/kubelet/environment";
inline constexpr std::string_view kubelet_arguments_variable =
        "NODEADM_KUBELET_ARGS"; // as nodeadm's unit has it

// As systemd splits them; none without the file.
std::vector<std::string> written_kubelet_arguments(const Root& root);

} // namespace eks
