// SPDX-License-Identifier: Apache-2.0
// eks-credential-provider: how kubelet gets credentials for ECR.
// Reads: /run/eks/node.json, the vendor file. Writes: /etc/eks/image-credential-provider/config.json.
// Again: the same version and binary, the same file.
#pragma once

#include "base/step.hpp"
#include "node/node.hpp"

namespace eks {

inline constexpr std::string_view credential_provider_template =
        "/usr/share/eks/image-credential-provider/config.json";

StepPlan plan_credential_provider(const NodeInputs& node);

// Throws Error (credential_provider_missing) unless the binary is there: kubelet would start, and every pull
// from ECR would fail.
void require_credential_provider(const NodeInputs& node);

} // namespace eks
