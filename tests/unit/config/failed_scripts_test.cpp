// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/failed_scripts.hpp"
#include "support.hpp"

using namespace eks;
using Texts = std::vector<std::string>;

TEST_CASE("The scripts that cloud-init says have failed are named", "[failed-scripts]")
{
        const test::TemporaryDirectory node;
        CHECK(failed_scripts(node.root()).empty());
        struct Row {
                std::string errors;
                Texts names;
        };
        const std::vector<Row> rows{
                {"[]", {}},
                {R"x(["('a', RuntimeError('Runparts: 1 failures (part-001) in 1 attempted commands'))"])x",
                        {"part-001"}},
                {R"x(["('a', RuntimeError('Runparts: 2 failures (part-001,runcmd) in 3'))", "('b', E('(y)'))"])x",
                        {"part-001", "runcmd"}},
                {R"x(["Runparts: 1 failures (a\nb) in 1", "Runparts: (", "Runparts: 1 failures ()", 7, null])x",
                        {}},
                {R"x("Runparts: 1 failures (part-001)")x", {}},
        };
        node.link("/run/cloud-init/result.json", "../../var/lib/cloud/data/result.json");
        for (const auto& row : rows) {
                CAPTURE(row.errors);
                node.write("/var/lib/cloud/data/result.json",
                        R"({"v1": {"datasource": "DataSourceEc2", "errors": )" + row.errors + "}}");
                CHECK(failed_scripts(node.root()) == row.names);
        }
        for (const auto* text : {"", "{", "[]", "{}", R"({"v1": []})", R"({"v1": {"errors": {}}})"}) {
                CAPTURE(text);
                node.write("/var/lib/cloud/data/result.json", text);
                CHECK(failed_scripts(node.root()).empty());
        }
}
