// SPDX-License-Identifier: Apache-2.0
#include <regex>
#include <set>

#include <catch2/catch.hpp>

#include "base/messages.hpp"
#include "support.hpp"

TEST_CASE("Every message has a name and a 128-bit id of its own", "[messages]")
{
        // The header has no list to walk, and must not grow one for the tests' sake.
        const auto header = test::source_file("helpers/lib/base/messages.hpp");
        const std::regex declaration(R"re(inline constexpr (Event|Failure) (\w+))re");
        const std::regex definition(
                R"re(inline constexpr (Event|Failure) (\w+)\{\s*"([^"]*)",\s*"([^"]*)"(,\s*Errc::\w+)?\})re");
        const auto count = [&](const std::regex& pattern) {
                return std::distance(
                        std::sregex_iterator(header.begin(), header.end(), pattern), std::sregex_iterator());
        };
        REQUIRE(count(declaration) > 10);
        REQUIRE(count(declaration) == count(definition));

        std::set<std::string> names;
        std::set<std::string> ids;
        for (auto match = std::sregex_iterator(header.begin(), header.end(), definition);
                match != std::sregex_iterator(); ++match) {
                const std::string variable = (*match)[2];
                const std::string name = (*match)[3];
                const std::string id = (*match)[4];
                CAPTURE(variable, name, id);
                CHECK(std::regex_match(id, std::regex("[0-9a-f]{32}")));
                CHECK(ids.insert(id).second);
                CHECK(names.insert(name).second);
                auto dashed = variable;
                std::replace(dashed.begin(), dashed.end(), '_', '-');
                CHECK(name == dashed);
                CHECK((*match)[1] == ((*match)[5].length() > 0 ? "Failure" : "Event"));
        }
}
