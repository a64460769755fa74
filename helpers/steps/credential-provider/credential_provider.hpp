// SPDX-License-Identifier: Apache-2.0
// eks-credential-provider: where kubelet gets credentials for registries.
// Reads: /run/eks/node.json, the vendor file, /etc/eks/credential-providers.d. Writes:
// /etc/eks/image-credential-provider/config.json. Again: the same versions, binaries and drop-ins, the same
// file.
#pragma once

#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr std::string_view credential_provider_template =
        "/usr/share/eks/image-credential-provider/config.json";

// The vendor's provider, those of the drop-ins, and over that kubelet.credentialProviderConfig. Throws Error
// (vendor_file), and (config_syntax, config_invalid) for what kubelet would refuse.
StepPlan plan_credential_provider(const NodeInputs& node);

// Throws Error (credential_provider_missing) unless every provider's binary is there, in the directory of
// ECR's: without one kubelet does not start.
void require_credential_providers(const NodeInputs& node, const StepPlan& plan);

// What the step may touch.
Access credential_provider_access();

} // namespace eks
