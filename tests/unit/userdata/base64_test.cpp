// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "userdata/base64.hpp"

using eks::Base64;
using eks::decode_base64;
using namespace std::string_literals;

TEST_CASE("Base64 that is as it should be is decoded by both rules", "[base64]")
{
        struct Row {
                std::string text;
                std::string bytes;
        };
        const std::vector<Row> rows{
                {"", ""},
                {"QQ==", "A"},
                {"QUI=", "AB"},
                {"QUJD", "ABC"},
                {"AAAA", "\0\0\0"s},
                {"AA==", "\0"s},
                {"+/+/", "\xfb\xff\xbf"},
                {"QU\r\nJD\n", "ABC"},
                {"Q\nQ\n=\n=\n", "A"},
                {"\n\n", ""},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                CHECK(decode_base64(row.text) == row.bytes);
                CHECK(decode_base64(row.text, Base64::strict) == row.bytes);
        }
}

TEST_CASE("Blanks and missing padding are forgiven unless we ask whether it is base64 at all", "[base64]")
{
        struct Row {
                std::string text;
                std::string bytes;
        };

        const std::vector<Row> rows{
                {"QQ", "A"}, {"QQ=", "A"}, {"QUI", "AB"}, {" QU JD ", "ABC"}, {"QU\tJD", "ABC"}, {" ", ""}};
        for (const auto& row : rows) {
                CAPTURE(row.text);
                CHECK(decode_base64(row.text) == row.bytes);
                CHECK_FALSE(decode_base64(row.text, Base64::strict));
        }
}

TEST_CASE("What is not base64 is nothing", "[base64]")
{
        const std::vector<std::string> rows{"Q", "QUJDQ", "=",
                "==", "====", "QQ===", "QUI==", "QUJD=", "Q=Q=", "QQ==QQ==", "QU=JD", "QUJ-", "QUJ_", "-_-_",
                "QUJD!", "QUJD\0"s, "QUJ\0"s, "\xff\xff\xff\xff", "QUJD\v", "QUJD\f",
                "apiVersion: node.eks.aws/v1alpha1\n", "#!/bin/bash\n", "\xc3\xa4QUJ"};
        for (const auto& row : rows) {
                CAPTURE(row);
                CHECK_FALSE(decode_base64(row));
                CHECK_FALSE(decode_base64(row, Base64::strict));
        }
}

TEST_CASE("Every byte survives", "[base64]")
{
        constexpr std::string_view alphabet =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (unsigned byte = 0; byte < 256; ++byte) {
                const std::string text{alphabet[byte >> 2U], alphabet[(byte & 3U) << 4U], '=', '='};
                CHECK(decode_base64(text, Base64::strict) == std::string(1, static_cast<char>(byte)));
        }
}

TEST_CASE("A long text is decoded whole", "[base64]")
{
        std::string text;
        for (int i = 0; i < 100'000; ++i)
                text += i % 19 == 18 ? "QUJD\n" : "QUJD";
        const auto bytes = decode_base64(text, Base64::strict);
        REQUIRE(bytes);
        CHECK(bytes->size() == 300'000);
        CHECK(bytes->substr(299'997) == "ABC");
}
