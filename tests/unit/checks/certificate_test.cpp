// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <catch2/catch.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "checks/certificate.hpp"

using namespace eks;

namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

constexpr std::time_t now = 1'700'000'000; // 2023-11-14 22:13:20 UTC
constexpr std::time_t day = 86'400;

struct Wanted {
        std::time_t begin = now - day;
        std::time_t end = now + day;
        const char* constraints = "critical,CA:TRUE"; // nullptr: no extension
        std::string name = "kubernetes";
        long version = 2; // counted from 0
};

KeyPtr new_key()
{
        return KeyPtr(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

// A certificate signed by itself, or by `issuer`, whose name must then be another.
std::string certificate(const Wanted& wanted = {}, bool by_itself = true)
{
        const CertificatePtr made(::X509_new());
        const auto key = new_key();
        const auto issuer = by_itself ? KeyPtr() : new_key();
        REQUIRE(::X509_set_version(made.get(), wanted.version) == 1);
        ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), 1);
        ::ASN1_TIME_set(::X509_getm_notBefore(made.get()), wanted.begin);
        ::ASN1_TIME_set(::X509_getm_notAfter(made.get()), wanted.end);
        ::X509_set_pubkey(made.get(), key.get());
        const auto set_name = [&](X509_NAME* name, const std::string& text) {
                ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()),
                        -1, 0);
        };
        set_name(::X509_get_subject_name(made.get()), wanted.name);
        set_name(::X509_get_issuer_name(made.get()), by_itself ? wanted.name : "another");
        if (wanted.constraints != nullptr) {
                X509V3_CTX context{};
                X509V3_set_ctx_nodb(&context);
                const ExtensionPtr extension(
                        ::X509V3_EXT_conf_nid(nullptr, &context, NID_basic_constraints, wanted.constraints));
                REQUIRE(extension != nullptr);
                ::X509_add_ext(made.get(), extension.get(), -1);
        }
        REQUIRE(::X509_sign(made.get(), by_itself ? key.get() : issuer.get(), ::EVP_sha256()) > 0);

        const BioPtr memory(::BIO_new(::BIO_s_mem()));
        REQUIRE(::PEM_write_bio_X509(memory.get(), made.get()) == 1);
        const char* text = nullptr;
        const auto size = BIO_get_mem_data(memory.get(), &text);
        return {text, static_cast<std::size_t>(size)};
}

const std::string& good()
{
        static const auto made = certificate();
        return made;
}

CertificateCheck check(const std::string& pem, std::time_t at = now)
{
        return check_ca_certificate(pem, at);
}

} // namespace

TEST_CASE("A CA certificate of today is in order", "[certificate]")
{
        for (const auto& pem : {good(), "# comment\n" + good() + "more text\n",
                     certificate({.constraints = nullptr, .version = 0}), certificate({}, false)}) {
                const auto result = check(pem);
                CAPTURE(pem);
                CHECK(result.wrong.empty());
                CHECK_FALSE(result.fatal);
        }
}

TEST_CASE("What is wrong with a certificate is said, and whether the node can go on", "[certificate]")
{
        struct Row {
                std::string pem;
                bool fatal;
                std::string wrong;
        };
        const std::vector<Row> rows{
                {certificate({.end = now - 1}), true, "expired on 2023-11-14 22:13:19 UTC"},
                {certificate({.end = now}), false, ""},
                {certificate({.begin = now}), false, ""},
                {certificate({.begin = now + 1}), false, "not valid before 2023-11-14 22:13:21 UTC"},
                {certificate({.constraints = "critical,CA:FALSE"}), true, "not a CA certificate"},
                {certificate({.constraints = nullptr}, false), true, "not a CA certificate"},
                {certificate({.end = now - day, .constraints = "CA:FALSE"}), true,
                        "expired on 2023-11-13 22:13:20 UTC, not a CA certificate"},
                {certificate({.begin = now + day, .constraints = "CA:FALSE"}), true,
                        "not a CA certificate, not valid before 2023-11-15 22:13:20 UTC"},
        };
        for (const auto& row : rows) {
                CAPTURE(row.wrong);
                const auto result = check(row.pem);
                CHECK(result.wrong == row.wrong);
                CHECK(result.fatal == row.fatal);
        }
}

TEST_CASE("An invalid certificate is fatal", "[certificate]")
{
        const auto begin = good().substr(0, good().find('\n') + 1);
        auto key_text = good();
        for (const auto* word : {"BEGIN CERTIFICATE", "END CERTIFICATE"})
                key_text.replace(key_text.find(word), std::string(word).size(),
                        std::string(word).substr(0, std::string(word).find(' ')) + " PRIVATE KEY");
        for (const auto& text :
                {std::string(), std::string("certificateAuthority"), std::string(4, '\0'), key_text}) {
                CAPTURE(text);
                const auto result = check(text);
                CHECK(result.fatal);
                CHECK(result.wrong == "no PEM certificate in it");
        }
        for (const auto& text : {begin, begin + "AAAA\n-----END CERTIFICATE-----\n",
                     good().substr(0, good().size() / 2), begin + "!!\n-----END CERTIFICATE-----\n",
                     begin + "Proc-Type: 4,ENCRYPTED\nDEK-Info: "
                             "AES-128-CBC,00000000000000000000000000000000\n\nAAAA\n"
                             "-----END CERTIFICATE-----\n"}) {
                CAPTURE(text);
                const auto result = check(text);
                CHECK(result.fatal);
                CHECK(result.wrong == "a damaged PEM certificate");
        }
        CHECK(check(std::string((1U << 20U) + 1, 'a')).wrong == "longer than 1048576 bytes");
        CHECK(check(std::string((1U << 20U) + 1, 'a')).fatal);
        CHECK(::ERR_peek_error() == 0); // nothing is left behind for the next user of OpenSSL
}

TEST_CASE("In a bundle each certificate is checked, and one good one is enough", "[certificate]")
{
        const auto expired = certificate({.end = now - day, .name = "old"});
        const auto leaf = certificate({.constraints = "CA:FALSE", .name = "leaf\n\x1b"});
        const auto early = certificate({.begin = now + day, .name = "early"});

        CHECK(check(good() + good()).wrong.empty());
        CHECK_FALSE(check(good() + good()).fatal);

        const auto rotating = check(expired + good());
        CHECK_FALSE(rotating.fatal);
        CHECK(rotating.wrong == "certificate 1 of 2 (CN = old): expired on 2023-11-13 22:13:20 UTC");

        const auto unusable = check(expired + leaf);
        CHECK(unusable.fatal);
        CHECK(unusable.wrong.find("certificate 1 of 2 (CN = old): expired on") == 0);
        CHECK(unusable.wrong.find("; certificate 2 of 2 (CN = ") != std::string::npos);
        CHECK(unusable.wrong.find("not a CA certificate") != std::string::npos);
        CHECK_FALSE(has_control_characters(unusable.wrong));

        CHECK_FALSE(check(expired + early).fatal);

        const auto cut = check(good() + good().substr(0, good().size() / 2));
        CHECK_FALSE(cut.fatal);
        CHECK(cut.wrong == "certificate 2 is damaged");
        CHECK(check(expired + good().substr(0, good().size() / 2)).fatal);
}
