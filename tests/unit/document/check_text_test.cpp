// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "document/check_text.hpp"
#include "support.hpp"

using eks::check_text;
using test::refusal;
using namespace std::string_literals;

TEST_CASE("What is not UTF-8 has a line and a column", "[text]")
{
        const std::string all = "\x01\t\r\n\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf"
                                "\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
        CHECK(refusal([&] { check_text(all, "x"); }).failure == "nothing");
        CHECK(refusal([&] { check_text("", "x"); }).failure == "nothing");

        for (std::size_t size = 0; size < all.size(); ++size)
                CHECK(refusal([&] { check_text(all.substr(0, size) + "\xff", "x"); }).mentions("x, line "));
        CHECK(refusal([] {
                check_text("a\nb\xc3", "x");
        }).mentions("x, line 2, column 2: byte 0xc3 is not UTF-8"));
}

TEST_CASE("UTF-16 with a byte order mark becomes UTF-8", "[text]")
{
        struct Row {
                std::string big_endian;
                std::string text;
        };
        const std::vector<Row> rows{{"", ""}, {"\0a\0\n"s, "a\n"}, {"\0\xe4"s, "\u00e4"},
                {"\x20\xac", "\u20ac"}, {"\xff\xfd", "\ufffd"}, {"\xd8\x3d\xde\x00"s, "\U0001f600"},
                {"\xd8\x00\xdc\x00\xdb\xff\xdf\xff"s, "\U00010000\U0010ffff"}};
        const auto swapped = [](std::string bytes) {
                for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
                        std::swap(bytes[i], bytes[i + 1]);
                return bytes;
        };

        for (const auto& row : rows) {
                CHECK(eks::as_utf8("\xfe\xff" + row.big_endian, "x") == row.text);
                CHECK(eks::as_utf8("\xff\xfe" + swapped(row.big_endian), "x") == row.text);
        }

        for (const auto& wrong : {"\0"s, "\xdc\0\0a"s, "\xd8\0\0a"s, "\xd8\0"s, "\xd8\0\xdc"s})
                for (const auto& bytes : {"\0\n\0a"s + wrong, "\0\n\0a"s + wrong + "\0"s})
                        if (bytes.size() % 2 != 0 || wrong.size() % 2 == 0)
                                CHECK(refusal([&] {
                                        eks::as_utf8("\xfe\xff" + bytes, "x");
                                }).mentions("x, line 2, column 2"));

        CHECK(eks::as_utf8("\xef\xbb\xbf\xe4", "x") == "\xe4");
        CHECK(eks::as_utf8("\xe4", "x") == "\xe4");
}

TEST_CASE("Bytes that are not UTF-8 are replaced one by one, as in Go", "[text]")
{
        std::string text = "a\n\u00e4\xe4y\xed\xa0\x80\xc3";
        CHECK(eks::replace_invalid_utf8(text, "x") == eks::Where{"x", 2, 3});
        CHECK(text == "a\n\u00e4\ufffdy\ufffd\ufffd\ufffd\ufffd");
        CHECK_FALSE(eks::replace_invalid_utf8(text, "x"));
}
