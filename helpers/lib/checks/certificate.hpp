// SPDX-License-Identifier: Apache-2.0
// What X.509 says about the cluster's CA certificate, and about those that a node is to trust.
#pragma once

#include <ctime>
#include <string>
#include <vector>

namespace eks {

struct CertificateCheck {
        bool fatal = false; // no certificate in it is usable; else `wrong` is a remark
        std::string wrong;  // empty: nothing
};

// Each certificate of a bundle is checked. While a CA is replaced, a bundle holds the old and the new one,
// so an error in one certificate is fatal only if there is no good one. A certificate that is not valid yet
// is not fatal, because early in the boot the clock may be wrong.
CertificateCheck check_ca_certificate(const std::string& pem, std::time_t now);

// Of a server's certificate, which is the first one; a private key may be beside it. "" if it is valid.
std::string wrong_dates(const std::string& pem, std::time_t now);

inline constexpr std::size_t pem_limit = 1U << 20U; // bytes; an EKS cluster's is about 1 KiB

struct Certificate {
        std::string pem;         // it alone, as OpenSSL writes it
        std::string fingerprint; // SHA-256 in lower-case hex digits
        std::string subject;     // "CN = kubernetes"
        std::string doubt;       // "expired on ...", "not a CA certificate"; "" if there is none
        bool is_ca = false;
};

struct Certificates {
        std::vector<Certificate> all;
        std::string wrong; // if it is not a PEM file of certificates alone; then `all` is empty
};

// The certificates of a PEM file. Text around them is allowed, other PEM blocks are not: a private key among
// them is a mistake, and is not repeated in `wrong`.
Certificates read_certificates(const std::string& pem, std::time_t now);

} // namespace eks
