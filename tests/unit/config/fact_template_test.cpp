// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/fact_template.hpp"

using namespace eks;

namespace {

const Json imds = Json::parse(R"({"availabilityZoneId": "usw2-az1", "instanceType": "m5.large",
        "mac": "0e:01", "interfaces": [], "tags": {"team": "a", "aws:autoscaling:groupName": "g", "empty": ""}})");

} // namespace

TEST_CASE("Facts and tags take the place of their templates", "[fact-template]")
{
        struct Row {
                std::string given;
                std::string text;
        };
        const std::vector<Row> rows{
                {"", ""},
                {"plain", "plain"},
                {"$ {x} $team }{", "$ {x} $team }{"},
                {"${imds.availabilityZoneId}", "usw2-az1"},
                {"a-${tag.team}-${imds.instanceType}.b", "a-a-m5.large.b"},
                {"${tag.team}${tag.team}", "aa"},
                {"${tag.aws:autoscaling:groupName}", "g"},
                {"x${tag.empty}", "x"},
                {"${tag.empty:-none}", ""}, // it is there
                {"${tag.nothing:-none}", "none"},
                {"${tag.nothing:-}", ""},
                {"${imds.lifecycle:-on-demand}", "on-demand"},
                {"${tag.team:-none}", "a"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.given);
                const auto expanded = expand_facts(row.given, imds);
                CHECK(expanded.wrong.empty());
                CHECK(expanded.text == row.text);
        }
}

TEST_CASE("A value that a fact brings is not looked at again", "[fact-template]")
{
        CHECK(expand_facts("${tag.a}", {{"tags", {{"a", "${tag.b}"}, {"b", "c"}}}}).text == "${tag.b}");
}

TEST_CASE("An unknown or absent fact is reported with a remedy", "[fact-template]")
{
        struct Row {
                std::string given;
                std::string wrong;
                std::string remedy;
        };

        const std::vector<Row> rows{
                {"${imds.lifecycle}", "the instance metadata has no 'lifecycle'",
                        "${imds.lifecycle:-VALUE}"},
                {"${tag.owner}", "the instance has no tag 'owner'", "${tag.owner:-VALUE}"},
                {"${imds.availabilityZoneID}", "did you mean '${imds.availabilityZoneId}'?", "Use one of"},
                {"${imds.mac}", "no fact is known as '${imds.mac}'", "Use one of"},
                {"${imds.mac:-x}", "no fact is known as '${imds.mac}'", "Use one of"},
                {"${imds.interfaces}", "no fact is known as", "Use one of"},
                {"${imds.}", "no fact is known as", "Use one of"},
                {"${tag.}", "'${tag.}' names no tag", "${tag.KEY}"},
                {"${team}", "nothing is known as '${team}'", "${tag.KEY}"},
                {"${}", "nothing is known as '${}'", "${tag.KEY}"},
                {"a${tag.team", "'${' without '}'", "${tag.KEY}"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.given);
                const auto expanded = expand_facts(row.given, imds);
                CHECK_FALSE(expanded.text);
                CHECK(expanded.wrong.find(row.wrong) != std::string::npos);
                CHECK(expanded.remedy.find(row.remedy) != std::string::npos);
        }

        const auto no_tags = expand_facts("${tag.team}", Json::object());
        CHECK(no_tags.wrong.find("give no access to tags") != std::string::npos);
        CHECK(no_tags.remedy.find("InstanceMetadataTags") != std::string::npos);
}

TEST_CASE("Without facts only the spelling is looked at", "[fact-template]")
{
        const auto unknown = expand_facts("${imds.region}-${tag.team:-x}", Json());
        CHECK_FALSE(unknown.text);
        CHECK(unknown.wrong.empty());
        CHECK(expand_facts("plain", Json()).text == "plain");
        CHECK_FALSE(expand_facts("${imds.regio}", Json()).wrong.empty());
}
