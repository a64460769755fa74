// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "document/check_text.hpp"
#include "support.hpp"

using eks::check_text;
using test::refusal;

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
