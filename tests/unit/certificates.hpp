// SPDX-License-Identifier: Apache-2.0
// Certificates that are made for a test, so that nothing here expires.
#pragma once

#include <ctime>
#include <memory>
#include <string>

#include <catch2/catch.hpp>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/fd.hpp"

namespace test {

using eks::Deleter;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Deleter<X509_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

inline constexpr std::time_t now = 1'700'000'000; // 2023-11-14 22:13:20 UTC
inline constexpr std::time_t day = 86'400;

struct WantedCertificate {
        std::time_t begin = now - day;
        std::time_t end = now + day;
        const char* constraints = "critical,CA:TRUE"; // nullptr: no extension
        std::string name = "kubernetes";
        long version = 2; // counted from 0
};

inline KeyPtr new_key()
{
        return KeyPtr(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

// A certificate signed by itself, or by `issuer`, whose name must then be another.
inline std::string certificate(const WantedCertificate& wanted = {}, bool by_itself = true)
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

// In PEM.
inline std::string private_key()
{
        const auto key = new_key();
        const BioPtr memory(::BIO_new(::BIO_s_mem()));
        REQUIRE(::PEM_write_bio_PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
                1);

        const char* text = nullptr;
        const auto size = BIO_get_mem_data(memory.get(), &text);
        return {text, static_cast<std::size_t>(size)};
}

} // namespace test
