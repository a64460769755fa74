// SPDX-License-Identifier: Apache-2.0
// eks-ca: the cluster's CA certificate.
// Reads: /run/eks/node.json. Writes: /etc/kubernetes/pki/ca.crt. Again: the same certificate, the same file.
#pragma once

#include "base/step.hpp"
#include "node/node.hpp"

namespace eks {

// The decoded certificate as it was given, byte for byte. Throws Error (ca_invalid) if it is not base64 or not a PEM
// certificate: kubelet would start with neither.
StepPlan plan_ca(const NodeInputs& node);

} // namespace eks
