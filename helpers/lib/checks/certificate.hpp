// SPDX-License-Identifier: Apache-2.0
// What X.509 says about the cluster's CA certificate.
#pragma once

#include <ctime>
#include <string>

namespace eks {

struct CertificateCheck {
        bool fatal = false; // no certificate in it is usable; else `wrong` is a remark
        std::string wrong;  // empty: nothing
};

// Each certificate of a bundle is checked. While a CA is replaced, a bundle holds the old and the new one,
// so an error in one certificate is fatal only if there is no good one. A certificate that is not valid yet
// is not fatal, because early in the boot the clock may be wrong.
CertificateCheck check_ca_certificate(const std::string& pem, std::time_t now);

} // namespace eks
