// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include <catch2/catch.hpp>

#include "base/root.hpp"
#include "base/text.hpp"

using namespace eks;
using namespace std::string_view_literals;
using Views = std::vector<std::string_view>;

TEST_CASE("trim takes blanks, tabs and line ends from both ends only", "[text]")
{
        struct Row {
                std::string_view text;
                std::string_view trimmed;
        };
        const auto row = GENERATE(values<Row>({{"", ""}, {"   ", ""}, {"\r\n\t ", ""}, {"a", "a"},
                {" a b\t", "a b"}, {"\n a\r\n", "a"}, {"\va", "\va"}, {"\0a \0"sv, "\0a \0"sv}}));
        CHECK(trim(row.text) == row.trimmed);
}

TEST_CASE("split gives every piece between separators", "[text]")
{
        CHECK(split("", ',').empty());
        CHECK(split("a", ',') == Views{"a"});
        CHECK(split("a,b", ',') == Views{"a", "b"});
        CHECK(split("a,,b", ',') == Views{"a", "", "b"});
        CHECK(split("a,", ',') == Views{"a", ""});
        CHECK(split(",a", ',') == Views{"", "a"});
        CHECK(split(",", ',') == Views{"", ""});
        CHECK(split(",,", ',') == Views{"", "", ""});
}

TEST_CASE("lines come without their ends, and a final empty one does not count", "[text]")
{
        CHECK(lines("").empty());
        CHECK(lines("\n") == Views{""});
        CHECK(lines("a") == Views{"a"});
        CHECK(lines("a\n") == Views{"a"});
        CHECK(lines("a\r\nb\n") == Views{"a", "b"});
        CHECK(lines("a\n\nb") == Views{"a", "", "b"});
        CHECK(lines("a\rb\r\n") == Views{"a\rb"});
}

TEST_CASE("join puts the separator between any two parts, empty ones included", "[text]")
{
        using Parts = std::vector<std::string>;
        CHECK(join(Parts{}, ", ").empty());
        CHECK(join(Parts{"a"}, ", ") == "a");
        CHECK(join(Parts{"a", "b", "c"}, ", ") == "a, b, c");
        CHECK(join(Parts{"a", "", "c"}, ",") == "a,,c");
        CHECK(join(Parts{"", "b"}, ",") == ",b");
}

TEST_CASE("parse_int takes a whole number or nothing", "[text]")
{
        CHECK(parse_int<unsigned>("0") == 0U);
        CHECK(parse_int<unsigned>("007") == 7U);
        CHECK(parse_int<int>("-12") == -12);
        CHECK(parse_int<unsigned>("ff", 16) == 255U);
        CHECK(parse_int<std::int64_t>("9223372036854775807") == INT64_MAX);

        for (const auto text : {"", " 1", "1 ", "+1", "1.0", "1x", "x", "0x1", "99999999999999999999"}) {
                CAPTURE(text);
                CHECK_FALSE(parse_int<unsigned>(text));
        }

        CHECK_FALSE(parse_int<unsigned>("-1"));
        CHECK_FALSE(parse_int<std::int8_t>("128"));
}

TEST_CASE("control characters are seen, letters of any language are not", "[text]")
{
        for (const auto text : {"\n"sv, "a\tb"sv, "\0"sv, "\x1b[1m"sv, "\x7f"sv, "a\r"sv}) {
                CAPTURE(text);
                CHECK(has_control_characters(text));
        }
        for (const auto text : {""sv, "--v=2"sv, "grün"sv, " "sv, "~"sv}) {
                CAPTURE(text);
                CHECK_FALSE(has_control_characters(text));
        }
}

TEST_CASE("nearest finds the word of a typing slip and nothing else", "[text]")
{
        const std::vector<std::string> keys{
                "cluster.cidr", "cluster.name", "kubelet.config", "kubelet.flags"};
        struct Row {
                std::string_view word;
                std::optional<std::string> near;
        };
        const auto row =
                GENERATE(values<Row>({{"cluster.nmae", "cluster.name"}, {"kubelet.flag", "kubelet.flags"},
                        {"kublet.config", "kubelet.config"}, {"cluster.name", "cluster.name"},
                        {"zzzzzzzzzzzz", std::nullopt}, {"", std::nullopt}, {"x", std::nullopt}}));
        CAPTURE(row.word);
        CHECK(nearest(row.word, keys) == row.near);
        CHECK_FALSE(nearest("cluster.name", {}));
        CHECK_FALSE(nearest("cluster.aa", std::vector<std::string>{"cluster.id"})); // nothing is alike
        CHECK(nearest("cluster.ix", std::vector<std::string>{"cluster.id"}) == "cluster.id");
        CHECK_FALSE(nearest(std::string(100'000, 'c'), keys)); // quadratic work on foreign text
}

TEST_CASE("A root prefix goes in front of absolute paths and loses its trailing slashes", "[text]")
{
        CHECK(Root()("/etc/eks") == "/etc/eks");
        CHECK(Root("")("/etc/eks") == "/etc/eks");
        CHECK(Root("/")("/etc/eks") == "/etc/eks");
        CHECK(Root("/mnt//")("/etc/eks") == "/mnt/etc/eks");
        CHECK(Root(".")("/etc/eks") == "./etc/eks");
        CHECK(Root("/mnt/").prefix() == "/mnt");
}

TEST_CASE("Only what can be a part of a host name is a DNS label", "[text]")
{
        CHECK(is_dns_label("us-west-2"));
        CHECK(is_dns_label(std::string(63, 'a')));
        for (const auto* word :
                {"", "US-WEST-2", "us_west", "us-west-2.evil.com", "us west", "-us", "us-", "us-west-2\n"})
                CHECK_FALSE(is_dns_label(word));
        CHECK_FALSE(is_dns_label(std::string(64, 'a')));
}

TEST_CASE("What was meant is asked where there is something near", "[text]")
{
        const std::vector<std::string> known{"endpoints", "server"};
        CHECK(did_you_mean("endpoint", known) == "; did you mean 'endpoints'?");
        CHECK(did_you_mean("endpoint", known, "spec.") == "; did you mean 'spec.endpoints'?");
        CHECK(did_you_mean("headersFile", known).empty());
}

TEST_CASE("Words are wrapped at a width, and a word that is longer has a line of its own", "[text]")
{
        CHECK(wrapped("a:", {}, " ", 10) == "a:");
        CHECK(wrapped("a:", {"one", "two", "three"}, "  ", 10) == "a: one two\n   three");
        CHECK(wrapped("a:", {"twelve-bytes"}, "  ", 10) == "a:\n   twelve-bytes");
}
