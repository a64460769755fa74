// SPDX-License-Identifier: Apache-2.0
// eks-trust: puts the certificates of trust.certificates into the system's store, and takes out those that
// are no longer configured. Reads: /run/eks/node.json, the files and credentials that it names. Writes:
// files eks-trust-*.crt among the sources of the store, what the distribution's tool makes of them,
// /var/lib/eks/trust, /run/eks/trust.pem. Again: nothing, and the tool is not run.
#pragma once

#include <chrono>
#include <ctime>
#include <vector>

#include "node/node.hpp"
#include "node/trusted_certificates.hpp"
#include "systemd/step.hpp"

namespace eks {

struct TrustPlan {
        StepPlan step; // that file, and remarks about the certificates
        std::vector<Certificate> certificates;
};

// Throws Error (certificate_invalid).
TrustPlan plan_trust(const NodeInputs& node, std::time_t now = std::time(nullptr));

// Make our part of the store these certificates, if it is not. Throws Error: trust_store_failed, file_io.
void update_store(Context& context, const std::vector<Certificate>& wanted,
        std::chrono::milliseconds deadline = std::chrono::seconds(60)); // below TimeoutStartSec=

// What the step may touch.
Access trust_access();

} // namespace eks
