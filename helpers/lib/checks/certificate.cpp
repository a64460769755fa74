// SPDX-License-Identifier: Apache-2.0
#include "checks/certificate.hpp"

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;

// OpenSSL would ask for the password of an encrypted block on the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/)
{
        return -1;
}

struct Bundle {
        std::vector<X509Ptr> certificates;
        bool damaged = false; // the one after the last
};

Bundle read_bundle(const std::string& pem)
{
        const BioPtr memory(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
        Bundle bundle;
        ::ERR_clear_error();

        while (X509Ptr certificate{::PEM_read_bio_X509(memory.get(), nullptr, no_password, nullptr)})
                bundle.certificates.push_back(std::move(certificate));
        const auto error = ::ERR_peek_last_error();
        bundle.damaged = ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE;
        ::ERR_clear_error();

        return bundle;
}

struct Date {
        std::time_t seconds;
        std::string text;
};

std::optional<Date> date(const ASN1_TIME* time)
{
        std::tm utc{};
        if (::ASN1_TIME_to_tm(time, &utc) != 1)
                return std::nullopt;
        auto text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
        return Date{::timegm(&utc), std::move(text)};
}

CertificateCheck check(X509* certificate, std::time_t now)
{
        std::vector<std::string> wrong;
        const auto begin = date(::X509_get0_notBefore(certificate));
        const auto end = date(::X509_get0_notAfter(certificate));
        if (!begin || !end)
                wrong.emplace_back("its dates are not readable");
        else if (end->seconds < now)
                wrong.push_back("expired on " + end->text);

        if (::X509_check_ca(certificate) == 0)
                wrong.emplace_back("not a CA certificate");
        const bool fatal = !wrong.empty();

        if (begin && begin->seconds > now)
                wrong.push_back("not valid before " + begin->text);

        return {.fatal = fatal, .wrong = join(wrong, ", ")};
}

// "CN = kubernetes"; control and non-ASCII characters are escaped.
std::string subject(const X509* certificate)
{
        const BioPtr memory(::BIO_new(::BIO_s_mem()));
        ::X509_NAME_print_ex(memory.get(), ::X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE);
        const char* text = nullptr;
        const auto size = BIO_get_mem_data(memory.get(), &text);
        return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "no name";
}

std::string pem_of(X509* certificate)
{
        const BioPtr memory(::BIO_new(::BIO_s_mem()));
        ::PEM_write_bio_X509(memory.get(), certificate);
        const char* text = nullptr;
        const auto size = BIO_get_mem_data(memory.get(), &text);
        return {text, static_cast<std::size_t>(size)};
}

std::string fingerprint(const X509* certificate)
{
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned size = 0;
        ::X509_digest(certificate, ::EVP_sha256(), digest.data(), &size);

        std::string text;
        for (unsigned i = 0; i < size; ++i)
                text += fmt::format("{:02x}", digest[i]);
        return text;
}

// What the PEM blocks that are not certificates are: "" if all are.
std::string other_block(std::string_view pem)
{
        constexpr std::string_view begin = "-----BEGIN ";
        constexpr std::size_t longest_label = 40; // bytes

        for (auto at = pem.find(begin); at != pem.npos; at = pem.find(begin, at + 1)) {
                auto label = pem.substr(at + begin.size());
                label = label.substr(0, label.find("-----"));
                if (label.find("PRIVATE KEY") != label.npos)
                        return "holds a private key";

                const bool is_label =
                        label.size() <= longest_label &&
                        label.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789# ") == label.npos;
                if (label != "CERTIFICATE" && label != "X509 CERTIFICATE")
                        return is_label
                                       ? fmt::format("holds a block '{}', which is not a certificate", label)
                                       : "holds a damaged PEM block";
        }

        return {};
}

} // namespace

CertificateCheck check_ca_certificate(const std::string& pem, std::time_t now)
{
        if (pem.size() > pem_limit)
                return {.fatal = true, .wrong = fmt::format("longer than {} bytes", pem_limit)};

        const auto [certificates, damaged] = read_bundle(pem);
        if (certificates.empty())
                return {.fatal = true,
                        .wrong = damaged ? "a damaged PEM certificate" : "no PEM certificate in it"};

        CertificateCheck result{.fatal = true, .wrong = {}};
        std::vector<std::string> wrong;

        for (std::size_t i = 0; i < certificates.size(); ++i) {
                auto one = check(certificates[i].get(), now);
                result.fatal = result.fatal && one.fatal;

                if (!one.wrong.empty())
                        wrong.push_back(certificates.size() == 1
                                                ? std::move(one.wrong)
                                                : fmt::format("certificate {} of {} ({}): {}", i + 1,
                                                          certificates.size(),
                                                          subject(certificates[i].get()), one.wrong));
        }

        if (damaged)
                wrong.push_back(fmt::format("certificate {} is damaged", certificates.size() + 1));
        result.wrong = join(wrong, "; ");

        return result;
}

std::string wrong_dates(const std::string& pem, std::time_t now)
{
        const auto bundle = read_bundle(pem);
        if (bundle.certificates.empty())
                return "no PEM certificate in it";

        const auto* const certificate = bundle.certificates.front().get();
        const auto begin = date(::X509_get0_notBefore(certificate));
        const auto end = date(::X509_get0_notAfter(certificate));
        if (!begin || !end)
                return "its dates are not readable";
        if (end->seconds < now)
                return "expired on " + end->text;

        return begin->seconds > now ? "not valid before " + begin->text : "";
}

Certificates read_certificates(const std::string& pem, std::time_t now)
{
        if (pem.size() > pem_limit)
                return {.all = {}, .wrong = fmt::format("is longer than {} bytes", pem_limit)};
        if (auto other = other_block(pem); !other.empty())
                return {.all = {}, .wrong = std::move(other)};

        const auto bundle = read_bundle(pem);
        if (bundle.damaged)
                return {.all = {},
                        .wrong = fmt::format("holds a damaged PEM certificate, number {}",
                                bundle.certificates.size() + 1)};

        Certificates found;
        for (const auto& certificate : bundle.certificates)
                found.all.push_back({.pem = pem_of(certificate.get()),
                        .fingerprint = fingerprint(certificate.get()),
                        .subject = subject(certificate.get()),
                        .doubt = check(certificate.get(), now).wrong,
                        .is_ca = ::X509_check_ca(certificate.get()) != 0});

        if (found.all.empty())
                found.wrong = "holds no PEM certificate";

        return found;
}

} // namespace eks
