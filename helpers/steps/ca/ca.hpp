// SPDX-License-Identifier: Apache-2.0
// eks-ca: the cluster's CA certificate.
// Reads: /run/eks/node.json. Writes: /etc/kubernetes/pki/ca.crt. Again: the same certificate, the same file.
#pragma once

#include <ctime>

#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

// The decoded certificate as it was given, byte for byte. Throws Error (ca_invalid) if it is not base64, not
// a PEM certificate, not a CA's certificate, or expired at `now`: kubelet would start, but could not connect
// to the API server.
StepPlan plan_ca(const NodeInputs& node, std::time_t now = std::time(nullptr));

// What the step may touch.
Access ca_access();

} // namespace eks
