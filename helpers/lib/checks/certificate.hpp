// SPDX-License-Identifier: Apache-2.0
// What X.509 says about the cluster's CA certificate.
#pragma once

#include <ctime>
#include <string>

namespace eks {

struct CertificateCheck {
        bool fatal = false; // nothing in it can vouch for the cluster; else `wrong` is a remark
        std::string wrong;  // empty: nothing
};

// Each certificate of a bundle is checked. While a CA is exchanged a bundle holds the old one beside the new
// one, so what is wrong with one certificate is fatal only if there is no good one beside it. A certificate
// that is not valid yet is not fatal: early in the boot it is the clock that is wrong.
CertificateCheck check_ca_certificate(const std::string& pem, std::time_t now);

} // namespace eks
