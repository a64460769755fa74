// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "fixture.hpp"
#include "steps/ca/ca.hpp"

using namespace eks;
using test::ca_base64;
using test::refusal;

namespace {

NodeInputs with_ca(const std::string& text)
{
        static const test::ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.cluster.certificate_authority.text = text;
        return inputs;
}

std::string broken_at(std::string text, std::size_t width, const std::string& line_end)
{
        for (std::size_t at = width; at < text.size(); at += width + line_end.size())
                text.insert(at, line_end);
        return text;
}

} // namespace

TEST_CASE("The certificate is written byte for byte as it was encoded", "[ca]")
{
        const auto unpadded = ca_base64.substr(0, ca_base64.find('='));
        REQUIRE(unpadded.size() < ca_base64.size());

        for (const auto& text :
                {ca_base64, unpadded, broken_at(ca_base64, 76, "\n"), broken_at(ca_base64, 64, "\r\n"),
                        ca_base64 + "\n", "  " + ca_base64 + "\t\n", broken_at(unpadded, 10, " ")}) {
                CAPTURE(text);
                const auto plan = plan_ca(with_ca(text));
                REQUIRE(plan.files.size() == 1);
                CHECK(plan.files[0].path == "/etc/kubernetes/pki/ca.crt");
                CHECK(plan.files[0].content == test::ca_certificate());
                CHECK(plan.files[0].mode == 0644);
                CHECK(plan.files[0].kind == File::Kind::regular);
        }
}

TEST_CASE("Text that is not base64 is refused with source, key and value", "[ca]")
{
        for (const auto& text : {std::string("%%%"), std::string("not base64!"), std::string("="),
                     std::string("A"), std::string("AAAAA"), std::string("QQ==QQ=="), std::string("Q=Q="),
                     ca_base64 + "*", "-----BEGIN CERTIFICATE-----\n" + ca_base64, std::string("LS0t_-9"),
                     std::string("ä")}) {
                CAPTURE(text);
                const auto result = refusal([&] { plan_ca(with_ca(text)); });
                CHECK(result.failure == "ca-invalid");
                CHECK(result.mentions("user data, line 7, column 5: cluster.certificateAuthority = \""));
                CHECK(result.mentions(": not base64"));
                CHECK(result.advises("certificateAuthority.data"));
        }
}

TEST_CASE("Base64 of something else is refused", "[ca]")
{
        struct Row {
                const char* text;
                const char* what;
        };

        for (const auto& row :
                {Row{"Y2VydGlmaWNhdGVBdXRob3JpdHk=",
                         "user data, line 7, column 5: cluster.certificateAuthority = \"Y2VydGlmaWNhdGVBdXRob3JpdHk=\""},
                        Row{"AAAA", "user data, line 7, column 5: cluster.certificateAuthority = \"AAAA\""},
                        // a PEM block that is a key, and a certificate's frame without one
                        Row{"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCkFBQUEKLS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo=",
                                nullptr},
                        Row{"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=",
                                nullptr}}) {
                CAPTURE(row.text);
                const auto result = refusal([&] { plan_ca(with_ca(row.text)); });
                CHECK(result.failure == "ca-invalid");
                CHECK(result.mentions("PEM certificate"));
                if (row.what != nullptr)
                        CHECK(result.mentions(row.what));
        }

        CHECK(refusal([&] { plan_ca(with_ca(ca_base64.substr(0, 400))); }).failure == "ca-invalid");
}

TEST_CASE("A refused certificate is shown on one line", "[ca]")
{
        for (const auto* text : {"not\nbase64!", "\x1b[1mnot base64", "AAAA\r\nAAAA", "\xff\xfe"}) {
                const auto result = refusal([&] { plan_ca(with_ca(text)); });
                CAPTURE(result.what);
                CHECK(result.failure == "ca-invalid");
                CHECK_FALSE(has_control_characters(result.what));
        }

        // Cut between characters, or what follows in the journal is not text any more.
        const auto cut = refusal([&] { plan_ca(with_ca(std::string(23, 'A') + "äAAAAAAAAA")); });
        CHECK(Json(cut.what).dump(-1, ' ', false, Json::error_handler_t::ignore) ==
                Json(cut.what).dump(-1, ' ', false, Json::error_handler_t::replace));
}
