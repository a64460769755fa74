// SPDX-License-Identifier: Apache-2.0
// What trust.certificates comes to.
#pragma once

#include <ctime>
#include <vector>

#include "base/root.hpp"
#include "base/step_plan.hpp"
#include "checks/certificate.hpp"
#include "config/trust_settings.hpp"

namespace eks {

// Says that certificates of ours are, or may be, in the system's store: the names of their files there, or
// that a change has begun. It describes the file system, and is therefore kept across boots.
inline constexpr std::string_view trust_stamp = "/var/lib/eks/trust";

struct TrustedCertificates {
        std::vector<Certificate> certificates;  // each once
        std::vector<Note> notes;                // expired ones, and those that are not CA certificates
        std::vector<Problems::Problem> missing; // files and credentials that cannot be read
        Problems problems;                      // what does not hold certificates alone
};

TrustedCertificates trusted_certificates(
        const Root& root, const std::vector<TrustSource>& sources, std::time_t now);

} // namespace eks
