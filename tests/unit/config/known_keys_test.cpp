// SPDX-License-Identifier: Apache-2.0
// The merge rules of nodeadm, row by row: today's user data must give today's result.
#include <algorithm>

#include <catch2/catch.hpp>

#include "config/known_keys.hpp"
#include "document/toml.hpp"
#include "documents.hpp"
#include "support.hpp"

using namespace eks;
using test::parsed;

namespace {

// Layers given in order, later over earlier.
Layer merged(const std::vector<std::string>& specs)
{
        Layer result;
        int number = 0;
        for (const auto& spec : specs)
                merge_layer(result, test::strict_node_config(
                                            test::node_config(spec), "part " + std::to_string(++number)));
        return result;
}

Json merged_maps(const std::string& under, const std::string& over)
{
        auto result = Json::parse(under);
        deep_merge(result, Json::parse(over));
        return result;
}

} // namespace

TEST_CASE("The schema is sorted and has every path once", "[schema]")
{
        const auto keys = schema();
        REQUIRE_FALSE(keys.empty());
        CHECK(std::ranges::is_sorted(keys, std::less_equal<>(), &SchemaKey::path));
        CHECK(std::ranges::adjacent_find(keys, {}, &SchemaKey::path) == keys.end());
}

TEST_CASE("Of two strings the later one counts, unless it is empty", "[schema]")
{
        const auto* key = GENERATE("name", "apiServerEndpoint", "certificateAuthority", "cidr");
        CAPTURE(key);
        const auto cluster = [&](const std::string& value) {
                return "  cluster: {" + std::string(key) + ": " + value + "}\n";
        };

        const auto result = [&](const std::vector<std::string>& specs) {
                return merged(specs).tree["cluster"].value(key, "(unset)");
        };

        CHECK(result({cluster("one"), cluster("two")}) == "two");
        CHECK(result({cluster("one"), cluster("''")}) == "one");
        CHECK(result({cluster("one"), cluster("null")}) == "one");
        CHECK(result({cluster("one"), "  {}\n"}) == "one");
        CHECK(result({"  {}\n", cluster("two")}) == "two");
        CHECK(merged({cluster("''")}).tree.value("cluster", Json::object()).contains(key) == false);
}

TEST_CASE("A boolean that is set stays set", "[schema]")
{
        const auto outpost = [](const std::string& value) {
                return "  cluster: {enableOutpost: " + value + "}\n";
        };

        struct Row {
                std::vector<std::string> values;
                Json result;
        };

        const std::vector<Row> rows{{{"true"}, true}, {{"false"}, false}, {{"true", "false"}, true},
                {{"false", "true"}, true}, {{"false", "false"}, false}, {{"true", "true"}, true},
                {{"true", "null"}, true}, {{"null", "false"}, false}};
        for (const auto& row : rows) {
                std::vector<std::string> specs;
                std::ranges::transform(row.values, std::back_inserter(specs), outpost);
                CAPTURE(row.values);
                CHECK(merged(specs).tree["cluster"]["enableOutpost"] == row.result);
        }
}

TEST_CASE("Flags are appended in order, doubles and all", "[schema]")
{
        const auto result = merged({"  kubelet: {flags: [--node-labels=nodegroup=example, "
                                    "--register-with-taints=the=taint:NoSchedule]}\n",
                "  kubelet: {flags: [--node-labels=nodegroup=user-set]}\n", "  kubelet: {flags: []}\n",
                "  kubelet: {flags: [--node-labels=nodegroup=user-set]}\n"});
        CHECK(result.tree["kubelet"]["flags"] ==
                Json{"--node-labels=nodegroup=example", "--register-with-taints=the=taint:NoSchedule",
                        "--node-labels=nodegroup=user-set", "--node-labels=nodegroup=user-set"});
}

TEST_CASE("Feature gates are merged key by key, false over true included", "[schema]")
{
        CHECK(merged({"  featureGates: {InstanceIdNodeName: true, FastImagePull: true}\n",
                             "  featureGates: {InstanceIdNodeName: false, Other: true}\n"})
                        .tree["featureGates"] ==
                Json{{"InstanceIdNodeName", false}, {"FastImagePull", true}, {"Other", true}});
        CHECK(merged({"  featureGates: {A: false}\n", "  featureGates: {A: true}\n"}).tree["featureGates"] ==
                Json{{"A", true}});
        CHECK(merged({"  featureGates: {A: true}\n", "  featureGates: {}\n"}).tree["featureGates"] ==
                Json{{"A", true}});
}

TEST_CASE("The hint for an unknown key names the nearest key or table", "[schema]")
{
        CHECK(nearest_key_hint("cluster.naem", "spec.") == "; did you mean 'spec.cluster.name'?");
        CHECK(nearest_key_hint("clutser", "") == "; did you mean 'cluster'?");
        CHECK(nearest_key_hint("instance.localStorag", "") == "; did you mean 'instance.localStorage'?");
        CHECK(nearest_key_hint("something", "").empty());
}

TEST_CASE("The worked example of nodeadm gives nodeadm's result", "[schema]")
{
        const auto result = merged({"  kubelet: {config: {logging: {verbosity: 5}, podsPerCore: 20, "
                                    "systemReserved: {cpu: 150m}}}\n",
                "  kubelet: {config: {logging: {verbosity: 2}, maxPods: 150}}\n"});
        CHECK(result.tree["kubelet"]["config"] == Json{{"logging", {{"verbosity", 2}}}, {"maxPods", 150},
                                                          {"podsPerCore", 20},
                                                          {"systemReserved", {{"cpu", "150m"}}}});
}

TEST_CASE("Free maps merge deeply", "[schema]")
{
        struct Row {
                const char* rule;
                std::string under;
                std::string over;
                std::string result;
        };
        const std::vector<Row> rows{
                {"map into map recurses", R"({"a":{"b":1,"c":2}})", R"({"a":{"c":3,"d":4}})",
                        R"({"a":{"b":1,"c":3,"d":4}})"},
                {"an empty map changes nothing", R"({"a":{"b":1}})", R"({"a":{}})", R"({"a":{"b":1}})"},
                {"nothing over something", R"({"a":1})", "{}", R"({"a":1})"},
                {"something over nothing", "{}", R"({"a":{"b":1}})", R"({"a":{"b":1}})"},
                {"a scalar replaces", R"({"a":1})", R"({"a":2})", R"({"a":2})"},
                {"false replaces", R"({"a":true})", R"({"a":false})", R"({"a":false})"},
                {"zero replaces", R"({"a":1})", R"({"a":0})", R"({"a":0})"},
                {"an empty string replaces", R"({"a":"x"})", R"({"a":""})", R"({"a":""})"},
                {"an empty list replaces", R"({"a":[1,2]})", R"({"a":[]})", R"({"a":[]})"},
                {"a list replaces the whole list", R"({"a":[1,2,3]})", R"({"a":[4]})", R"({"a":[4]})"},
                {"a list of maps too", R"({"a":[{"b":1,"c":2}]})", R"({"a":[{"b":3}]})",
                        R"({"a":[{"b":3}]})"},
                {"map over scalar", R"({"a":1})", R"({"a":{"b":2}})", R"({"a":{"b":2}})"},
                {"empty map over scalar", R"({"a":1})", R"({"a":{}})", R"({"a":{}})"},
                {"scalar over map", R"({"a":{"b":2}})", R"({"a":1})", R"({"a":1})"},
                {"list over map", R"({"a":{"b":2}})", R"({"a":[1]})", R"({"a":[1]})"},
                {"null sets null", R"({"a":{"b":2},"c":1})", R"({"a":null})", R"({"a":null,"c":1})"},
                {"map over null", R"({"a":null})", R"({"a":{"b":1}})", R"({"a":{"b":1}})"},
        };
        for (const auto& row : rows) {
                CAPTURE(row.rule);
                CHECK(merged_maps(row.under, row.over) == Json::parse(row.result));
                // The same through whole documents, for both keys that hold such maps. JSON is YAML.
                const auto kubelet = merged({"  kubelet: {config: " + row.under + "}\n",
                        "  kubelet: {config: " + row.over + "}\n"});
                CHECK(kubelet.tree["kubelet"]["config"] == Json::parse(row.result));
                const auto runtime = merged({"  containerd: {baseRuntimeSpec: " + row.under + "}\n",
                        "  containerd: {baseRuntimeSpec: " + row.over + "}\n"});
                CHECK(runtime.tree["containerd"]["baseRuntimeSpec"] == Json::parse(row.result));
        }
}

TEST_CASE("containerd's TOML is kept in order for the step that merges it, empty text left out", "[schema]")
{
        const auto result =
                merged({"  containerd: {config: 'version = 2'}\n", "  containerd:\n    config: ' '\n",
                        "  containerd:\n    config: |\n      [grpc]\n      address = '/x'\n"});
        CHECK(result.tree["containerd"]["config"] ==
                Json{{{"text", "version = 2"}, {"source", "part 1, line 4, column 16"}},
                        {{"text", "[grpc]\naddress = '/x'\n"}, {"source", "part 3, line 5, column 5"}}});
        CHECK_FALSE(merged({"  containerd: {config: ''}\n"}).tree.contains("containerd"));
}

TEST_CASE("A merged value keeps the place of the layer that set it", "[schema]")
{
        const auto result = merged({"  cluster:\n    name: one\n    cidr: 10.0.0.0/8\n  kubelet:\n    "
                                    "config: {a: 1, b: {c: 2, d: 3}}\n",
                "  kubelet:\n    config:\n      b:\n        c: 9\n  cluster:\n    cidr: ''\n    name: "
                "two\n"});
        CHECK(result.marks.at("cluster.name").text() == "part 2, line 10, column 5");
        CHECK(result.marks.at("cluster.cidr").text() ==
                "part 1, line 6, column 5"); // the empty one did not win
        CHECK(result.marks.at("kubelet.config.b.c").text() == "part 2, line 7, column 9");
        CHECK(result.marks.at("kubelet.config.b.d").text() == "part 1, line 8, column 30");
        CHECK(result.marks.at("kubelet.config.a").text() == "part 1, line 8, column 14");

        const auto outpost =
                merged({"  cluster:\n    enableOutpost: true\n", "  cluster:\n    enableOutpost: false\n"});
        CHECK(outpost.marks.at("cluster.enableOutpost").source == "part 1");
}

TEST_CASE("Every appended flag knows where it came from", "[schema]")
{
        const auto result = merged({"  kubelet:\n    flags:\n    - --one\n    - --two\n",
                "  kubelet:\n    flags:\n    - --three\n"});
        REQUIRE(result.tree["kubelet"]["flags"].size() == 3);

        const auto where = [&](const std::string& key) {
                const auto mark = result.marks.find(key);
                return mark == result.marks.end() ? std::string("(unknown)") : mark->second.text();
        };

        CHECK(where("kubelet.flags[0]") == "part 1, line 6, column 7");
        CHECK(where("kubelet.flags[1]") == "part 1, line 7, column 7");
        CHECK(where("kubelet.flags[2]") == "part 2, line 6, column 7");
}

TEST_CASE("Merging carries the notes of every layer along", "[schema]")
{
        const auto result = merged({"  odd: 1\n", "  even: 2\n"});
        REQUIRE(result.notes.size() == 2);
        CHECK(result.notes[0].text.find("part 1") == 0);
        CHECK(result.notes[1].text.find("part 2") == 0);
}

TEST_CASE("Merging a layer over nothing gives that layer; a second time, it changes what may change only",
        "[schema]")
{
        const std::string spec =
                test::reference_cluster + "  kubelet: {config: {a: {b: 1}}}\n  featureGates: {A: true}\n";
        const auto once = merged({spec});
        CHECK(once.tree == parsed(spec).tree);
        CHECK(merged({spec, spec}).tree == once.tree);
}
