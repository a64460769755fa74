// SPDX-License-Identifier: Apache-2.0
#include "node/trusted_certificates.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "node/secret_file.hpp"

namespace eks {

namespace {

std::string certificate_remedy(std::string_view wrong)
{
        if (wrong.find("private key") != wrong.npos)
                return "Take the private key out, and replace it: everyone who can read this has it";
        return "Give certificates in PEM, each from BEGIN CERTIFICATE to END CERTIFICATE, as `openssl x509 "
               "-in FILE` prints them, and nothing else in PEM";
}

// The PEM text of an item; nothing if it is not there or cannot be read.
std::optional<std::string> pem_text(const Root& root, const TrustSource& source, TrustedCertificates& found)
{
        if (source.kind == TrustSource::Kind::text)
                return source.given;

        const bool named = source.kind == TrustSource::Kind::credential;
        std::string why = named ? "there is no systemd credential of this name" : "is not there";

        try {
                if (auto text = read_file_if_exists(
                            root(credential_path(root, source.given, "eks-trust.service")), pem_limit))
                        return text;
        } catch (const Error& e) {
                why = fmt::format("cannot be read: {}", e.what());
        }

        found.missing.push_back({fmt::format("{}: {}", source.text(), why),
                named ? "Provide the credential, give an absolute path, or remove the item"
                      : "Put the file there, or remove the item"});

        return std::nullopt;
}

} // namespace

TrustedCertificates trusted_certificates(
        const Root& root, const std::vector<TrustSource>& sources, std::time_t now)
{
        TrustedCertificates found;
        for (const auto& source : sources) {
                const auto text = pem_text(root, source, found);
                if (!text)
                        continue;

                auto [all, wrong] = read_certificates(*text, now);
                if (!wrong.empty())
                        found.problems.add(
                                fmt::format("{}: {}", source.text(), wrong), certificate_remedy(wrong));

                for (auto& certificate : all) {
                        if (std::ranges::find(found.certificates, certificate.fingerprint,
                                    &Certificate::fingerprint) != found.certificates.end())
                                continue;

                        if (!certificate.doubt.empty())
                                found.notes.push_back({Level::warning,
                                        fmt::format(
                                                "{}: the certificate '{}': {}; replace it or remove it, proceeding",
                                                source.text(), certificate.subject, certificate.doubt),
                                        true});
                        found.certificates.push_back(std::move(certificate));
                }
        }

        return found;
}

} // namespace eks
