// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"
#include "userdata/documents.hpp"
#include "userdata/gzip.hpp"

using eks::gunzip;
using eks::is_gzip;
using test::gzip;
using test::refusal;
using namespace std::string_literals;

namespace {

constexpr std::size_t limit = 1U << 20U;

test::Refusal refused_gzip(const std::string& bytes)
{
        return refusal([&] { gunzip(bytes, limit, "user data"); });
}

} // namespace

TEST_CASE("gzip is known by its first two bytes", "[gzip]")
{
        CHECK(is_gzip("\x1f\x8b"));
        CHECK(is_gzip(gzip("")));
        CHECK_FALSE(is_gzip(""));
        CHECK_FALSE(is_gzip("\x1f"));
        CHECK_FALSE(is_gzip("\x8b\x1f"));
        CHECK_FALSE(is_gzip("PK"));
}

TEST_CASE("What was compressed comes back", "[gzip]")
{
        std::string noise;
        for (unsigned i = 0, x = 1; i < 200'000; ++i, x = x * 1664525U + 1013904223U)
                noise += static_cast<char>(x >> 24U);
        for (const auto& text :
                {""s, "a"s, "\0\n\0"s, std::string(100'000, 'x'), std::string(32'768, 'y'), noise})
                CHECK(gunzip(gzip(text), limit, "x") == text);
}

TEST_CASE("Several members are one text", "[gzip]")
{
        CHECK(gunzip(gzip("one, ") + gzip("") + gzip("two"), limit, "x") == "one, two");
        std::string many;
        for (int i = 0; i < 1000; ++i)
                many += gzip("a");
        CHECK(gunzip(many, limit, "x") == std::string(1000, 'a'));
}

TEST_CASE("Data that is cut short is refused wherever it ends", "[gzip]")
{
        const auto whole = gzip("apiVersion: node.eks.aws/v1alpha1\n");
        for (std::size_t size = 0; size < whole.size(); ++size) {
                CAPTURE(size);
                const auto wrong = refused_gzip(whole.substr(0, size));
                CHECK(wrong.failure == "config-syntax");
                CHECK(wrong.mentions(
                        "user data: gzip data: cut short after " + std::to_string(size) + " bytes"));
        }

        CHECK(refused_gzip(gzip("a") + whole.substr(0, 15)).mentions("cut short"));
}

TEST_CASE("Data that is corrupt is refused wherever a bit falls over", "[gzip]")
{
        const std::string text = "apiVersion: node.eks.aws/v1alpha1\n";
        const auto whole = gzip(text);
        for (std::size_t i = 0; i < whole.size(); ++i)
                for (unsigned bit = 0; bit < 8; ++bit) {
                        CAPTURE(i, bit);
                        auto broken = whole;
                        broken[i] = static_cast<char>(static_cast<unsigned char>(broken[i]) ^ (1U << bit));
                        std::string result = text; // time and system in the header may be anything
                        const auto wrong = refusal([&] { result = gunzip(broken, limit, "user data"); });
                        CHECK((wrong.failure == "config-syntax" || wrong.failure == "nothing"));
                        CHECK(result == text);
                }
}

TEST_CASE("What is not gzip is refused", "[gzip]")
{
        struct Row {
                std::string bytes;
                std::string wrong;
        };
        const std::vector<Row> rows{
                {"hello, world", "corrupt near byte "},
                {"\x1f\x8b\xff\xff\xff\xff\xff\xff\xff\xff", "corrupt near byte "},
                {gzip("a") + "\n", "1 bytes after its end are something else"},
                {gzip("a") + std::string(512, '\0'), "512 bytes after its end are something else"},
                {gzip("a") + "\x1f\x8bxyz", "corrupt near byte "},
        };

        for (const auto& row : rows) {
                CAPTURE(row.bytes);
                const auto wrong = refused_gzip(row.bytes);
                CHECK(wrong.failure == "config-syntax");
                CHECK(wrong.mentions("user data: gzip data: " + row.wrong));
        }
}

TEST_CASE("A bomb stops at the limit", "[gzip]")
{
        const auto bomb = gzip(std::string(64U << 20U, '\0'));
        CHECK(bomb.size() < 100'000);

        const auto wrong = refused_gzip(bomb);
        CHECK(wrong.failure == "config-syntax");
        CHECK(wrong.mentions("1048576 bytes"));

        const auto exact = gzip(std::string(limit, 'x'));
        CHECK(gunzip(exact, limit, "x").size() == limit);
        CHECK(refused_gzip(gzip(std::string(limit + 1, 'x'))).mentions("more than"));
        CHECK(refused_gzip(exact + gzip("x")).mentions("more than"));
        CHECK(gunzip(gzip(""), 0, "x").empty());
        CHECK(refusal([] { gunzip(gzip("a"), 0, "x"); }).mentions("more than 0 bytes"));
}
