// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "support.hpp"
#include "systemd/systemd_words.hpp"

using namespace eks;
using Json = nlohmann::json;

TEST_CASE("A text is taken apart as systemd does it", "[systemd-words]")
{
        const auto rows = Json::parse(test::source_file("tests/unit/systemd/systemd_words.json"));
        CHECK(rows.size() > 30);

        for (const auto& row : rows) {
                CAPTURE(row.dump());
                const auto found = split_as_systemd(row.at("text").get<std::string>());
                CHECK(found.words == row.at("words").get<std::vector<std::string>>());
                CHECK(found.open == row.value("open", false));
        }
}

TEST_CASE("A backslash at the end of a word is dropped", "[systemd-words]")
{
        // In the file it would join the next line to this one.
        const auto found = split_as_systemd("--a=b\\");
        CHECK(found.words == std::vector<std::string>{"--a=b"});
        CHECK(found.open);
}

TEST_CASE("A line break is a blank, except after a backslash", "[systemd-words]")
{
        CHECK(split_as_systemd("--a=b\n--c\r\n").words == std::vector<std::string>{"--a=b", "--c"});
        CHECK(split_as_systemd("--a=b\\\nc").words == std::vector<std::string>{"--a=bc"});
}

TEST_CASE("A quoted word comes back as it was", "[systemd-words]")
{
        for (const std::string word : {"--a=b", "--a=x y", "--a=\"x\"", "--a=it's", "--a=b\\c", "--a=b\\",
                     "--a= ", "--a=\t", "--a=$x%h", "--a=\\\\ \" ' \\"}) {
                CAPTURE(word);
                const auto found = split_as_systemd("--first " + quote_for_systemd(word) + " --last");
                CHECK(found.words == std::vector<std::string>{"--first", word, "--last"});
                CHECK_FALSE(found.open);
        }
}
