// SPDX-License-Identifier: Apache-2.0
#include "checks/check_trust.hpp"

#include "checks/certificate.hpp"
#include "config/trust_settings.hpp"

namespace eks {

std::string certificate_remedy(std::string_view wrong)
{
        if (wrong.find("private key") != wrong.npos)
                return "Take the private key out, and replace it: whoever could read this knows it";
        return "Give certificates in PEM, each from BEGIN CERTIFICATE to END CERTIFICATE, as `openssl x509 "
               "-in FILE` prints them, and nothing else in PEM";
}

void check_trust(const Json& tree, const Marks& marks, Problems& problems)
{
        for (const auto& source : trust_sources(tree, marks, problems))
                if (source.kind == TrustSource::Kind::text)
                        if (const auto wrong = read_certificates(source.given, std::time(nullptr)).wrong;
                                !wrong.empty())
                                problems.add(source.where, source.key, "", wrong, certificate_remedy(wrong));
}

} // namespace eks
