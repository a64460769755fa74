// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <openssl/err.h>

#include "base/text.hpp"
#include "certificates.hpp"
#include "checks/certificate.hpp"

using namespace eks;

namespace {

using test::certificate;
using test::day;
using test::now;

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

TEST_CASE(
        "The certificates of a file are read one by one, with what is doubtful about them", "[certificate]")
{
        const auto expired = certificate({.end = now - day, .name = "old"});
        const auto leaf = certificate({.constraints = "CA:FALSE", .name = "leaf"});
        const auto found = read_certificates("# Subject: old\n" + expired + "\r\n" + good() + leaf, now);
        REQUIRE(found.wrong.empty());
        REQUIRE(found.all.size() == 3);
        CHECK(found.all[0].pem == expired);
        CHECK(found.all[0].subject == "CN = old");
        CHECK(found.all[0].doubt == "expired on 2023-11-13 22:13:20 UTC");
        CHECK(found.all[1].pem == good());
        CHECK(found.all[1].doubt.empty());
        CHECK(found.all[1].is_ca);
        CHECK(found.all[1].fingerprint.size() == 64);
        CHECK(found.all[1].fingerprint != found.all[0].fingerprint);
        CHECK(found.all[1].fingerprint == read_certificates(good(), now).all[0].fingerprint);
        CHECK(found.all[2].doubt == "not a CA certificate");
        CHECK_FALSE(found.all[2].is_ca);
}

TEST_CASE("A file to be trusted holds certificates and nothing else", "[certificate]")
{
        const auto key = test::private_key();
        REQUIRE(key.find("PRIVATE KEY") != key.npos);

        const std::string request =
                "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
        const std::vector<std::pair<std::string, std::string>> rows{
                {"", "holds no PEM certificate"},
                {"certificate", "holds no PEM certificate"},
                {good().substr(0, good().size() / 2), "holds a damaged PEM certificate, number 1"},
                {good() + good().substr(0, good().size() / 2), "holds a damaged PEM certificate, number 2"},
                {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                        "holds a damaged PEM certificate, number 1"},
                {key, "holds a private key"},
                {good() + key, "holds a private key"},
                {"-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "holds a private key"},
                {"-----BEGIN RSA PRIVATE KEY-----\n", "holds a private key"},
                {good() + request, "holds a block 'CERTIFICATE REQUEST', which is not a certificate"},
                {"-----BEGIN X509 CRL-----\n", "holds a block 'X509 CRL', which is not a certificate"},
                {"-----BEGIN secret\n", "holds a damaged PEM block"},
                {std::string((1U << 20U) + 1, 'a'), "is longer than 1048576 bytes"},
        };

        for (const auto& [text, wrong] : rows) {
                CAPTURE(text);
                const auto found = read_certificates(text, now);
                CHECK(found.wrong == wrong);
                CHECK(found.all.empty());
        }

        CHECK(::ERR_peek_error() == 0);
}

TEST_CASE("Of a server's certificate the dates are checked, beside its key too", "[certificate]")
{
        constexpr std::time_t century = 100L * 365 * day;
        const std::string key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";

        CHECK(wrong_dates(good(), now).empty());
        CHECK(wrong_dates(good() + key, now).empty());
        CHECK(wrong_dates(key + good(), now).empty());
        CHECK(wrong_dates(good(), now + century).starts_with("expired on "));
        CHECK(wrong_dates(good(), now - century).starts_with("not valid before "));
        CHECK(wrong_dates(key, now) == "no PEM certificate in it");
        CHECK(wrong_dates("", now) == "no PEM certificate in it");
}
