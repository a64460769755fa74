// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "document/layer.hpp"
#include "document/yaml.hpp"
#include "documents.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::string_literals;
using test::node_config;
using test::parsed;
using test::Refusal;
using test::refusal;

namespace {

// What a value of kubelet.config, where anything goes, is taken for.
Json config_of(const std::string& text)
{
        return parsed("  kubelet:\n    config:\n" + text).tree.at("kubelet").at("config");
}
Json value_of(const std::string& text)
{
        return config_of("      x: " + text + "\n").at("x");
}

Refusal refused(const std::string& text)
{
        return refusal([&] { test::strict_node_config(text, "user data"); });
}
Refusal refused_spec(const std::string& spec)
{
        return refused(node_config(spec));
}

std::string json_document(const std::string& spec)
{
        return R"({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": )" + spec + "}";
}

} // namespace

TEST_CASE("Plain scalars are what YAML 1.1 says, as Kubernetes' own tools read them", "[node-config]")
{
        struct Row {
                std::string text;
                Json value;
        };
        const std::vector<Row> rows{
                // booleans: goyaml.v2 below sigs.k8s.io/yaml has the one-letter forms too
                {"true", true},
                {"True", true},
                {"TRUE", true},
                {"yes", true},
                {"Yes", true},
                {"YES", true},
                {"on", true},
                {"On", true},
                {"ON", true},
                {"false", false},
                {"no", false},
                {"off", false},
                {"Off", false},
                {"NO", false},
                {"y", true},
                {"Y", true},
                {"n", false},
                {"N", false},
                {"tRUE", "tRUE"},
                {"yess", "yess"},
                // null
                {"null", nullptr},
                {"Null", nullptr},
                {"NULL", nullptr},
                {"~", nullptr},
                {"nil", "nil"},
                // integers
                {"0", 0},
                {"-0", 0},
                {"5", 5},
                {"+5", 5},
                {"-5", -5},
                {"1_000", 1000},
                {"0x1F", 31},
                {"-0x10", -16},
                {"0b101", 5},
                {"0o17", 15},
                {"017", 15},
                {"-017", -15},
                {"08", 8},
                {"0", 0},
                {"00", 0},
                {"9223372036854775807", INT64_MAX},
                {"4294967296", 4294967296},
                // numbers with a fraction
                {"1.5", 1.5},
                {"-1.5", -1.5},
                {".5", 0.5},
                {"1.", 1.0},
                {"1e3", 1000.0},
                {"1.5E-2", 0.015},
                {"12e03", 12000.0},
                {"+1.5", 1.5},
                // words that look like numbers and are none
                {"0x", "0x"},
                {"0xg", "0xg"},
                {"0x-5", "0x-5"},
                {"--1", "--1"},
                {"+-1", "+-1"},
                {"+", "+"},
                {".", "."},
                {"1.2.3", "1.2.3"},
                {"1:30", "1:30"},
                {"_", "_"},
                {"_1", "_1"},
                {"1e", "1e"},
                {"1e400", "1e400"},
                {"100Mi", "100Mi"},
                {"10%", "10%"},
                {"2m30s", "2m30s"},
                {"i-1234567890abcdef0", "i-1234567890abcdef0"},
                {"0b2", "0b2"},
                {"inf", "inf"},
                {"nan", "nan"},
                {".inf", ".inf"},
                {".nan", ".nan"},
                {"-.inf", "-.inf"},
                // quoted, tagged
                {"\"yes\"", "yes"},
                {"'5'", "5"},
                {"''", ""},
                {"\"a\\tb\"", "a\tb"},
                {"!!str 5", "5"},
                {"!!str", ""},
                {"!!int \"5\"", 5},
                {"! 5", "5"},
                {"! \"5\"", "5"},
                {"!!str yes", "yes"},
                {"!!str null", "null"},
                {"\"null\"", "null"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                const auto value = value_of(row.text);
                CHECK(value == row.value);
                CHECK(value.type_name() == std::string(row.value.type_name()));
        }
}

TEST_CASE("A whole number with a fraction of nothing is a whole number, as Go writes it", "[node-config]")
{
        for (const auto& [text, json] :
                std::map<std::string, std::string>{{"20.0", "20"}, {"-20.", "-20"}, {"1e3", "1000"},
                        {"-0.0", "0"}, {"20.5", "20.5"}, {"9007199254740993.0", "9007199254740992"},
                        {"9223372036854775808.0", "9.223372036854776e+18"}}) {
                CAPTURE(text);
                CHECK(yaml_plain_scalar(text).dump() == json);
        }
}

TEST_CASE("Block scalars keep their line breaks", "[node-config]")
{
        CHECK(config_of("      x: |\n        a\n        b\n").at("x") == "a\nb\n");
        CHECK(config_of("      x: |-\n        5\n").at("x") == "5");
        CHECK(config_of("      x: >-\n        a\n        b\n").at("x") == "a b");
        CHECK(config_of("      x:\n      y: {}\n      z: []\n") ==
                Json{{"x", nullptr}, {"y", Json::object()}, {"z", Json::array()}});
}

TEST_CASE("Keys are words as written, and the last of two wins", "[node-config]")
{
        CHECK(config_of("      memory.available: 1\n      \"a b\": 2\n      5: 3\n") ==
                Json{{"memory.available", 1}, {"a b", 2}, {"5", 3}});
        CHECK(config_of("      x: 1\n      y: 2\n      x: {z: 3}\n") == Json{{"x", {{"z", 3}}}, {"y", 2}});
        CHECK(parsed("  cluster:\n    name: one\n    name: two\n").tree["cluster"]["name"] == "two");
        const auto json = test::strict_node_config(
                json_document(R"({"cluster": {"name": "one", "name": "two"}})"), "x");
        CHECK(json.tree["cluster"]["name"] == "two");
        CHECK(config_of("      \"null\": 1\n") == Json{{"null", 1}});
        for (const auto* key : {"[a, b]", "{a: b}", "null", "~"})
                CHECK(refused_spec("  kubelet: {config: {" + std::string(key) + ": 1}}\n")
                                .mentions("a key must be a plain word"));
}

TEST_CASE("Aliases stand for what they name", "[node-config]")
{
        CHECK(config_of("      a: &x {b: [1, 2]}\n      c: *x\n") ==
                Json{{"a", {{"b", {1, 2}}}}, {"c", {{"b", {1, 2}}}}});
        CHECK(config_of("      a: &x 1\n      b: &x 2\n      c: *x\n      *x : 3\n") ==
                Json{{"a", 1}, {"b", 2}, {"c", 2}, {"2", 3}});
        CHECK(refused_spec("  kubelet: {config: {a: *nowhere}}\n").mentions("user data, line 4, column 25"));

        const auto layer = parsed("  kubelet:\n    config:\n      a: &x {b: 1}\n      c: *x\n");
        CHECK(layer.marks.at("kubelet.config.c").line == 7);
        CHECK(layer.marks.at("kubelet.config.c.b").line == 6);
}

TEST_CASE("A merge key brings what the map does not say itself", "[node-config]")
{
        const std::string base = "      base: &base {a: 1, b: {c: 2}}\n      more: &more {a: 5, d: 6}\n";
        const auto one = [&](const std::string& text) { return config_of(base + text).at("x"); };
        CHECK(one("      x: {<<: *base}\n") == Json{{"a", 1}, {"b", {{"c", 2}}}});
        CHECK(one("      x: {<<: *base, a: 9}\n") == Json{{"a", 9}, {"b", {{"c", 2}}}});
        CHECK(one("      x: {a: 9, <<: *base}\n") == Json{{"a", 9}, {"b", {{"c", 2}}}});
        CHECK(one("      x: {<<: [*base, *more]}\n") == Json{{"a", 1}, {"b", {{"c", 2}}}, {"d", 6}});
        CHECK(one("      x: {<<: [*more, *base], b: 3}\n") == Json{{"a", 5}, {"b", 3}, {"d", 6}});
        CHECK(one("      x: {<<: {a: 7}}\n") == Json{{"a", 7}});

        const auto wrong = refused_spec("  kubelet:\n    config:\n      x: {<<: 5}\n");
        CHECK(wrong.failure == "config-syntax");
        CHECK(wrong.mentions("user data, line 6, column 15: '<<' must name a map"));
        CHECK(refused_spec("  kubelet: {config: {<<: [5]}}\n").failure == "config-syntax");
}

TEST_CASE("A document that grows without end is refused", "[node-config]")
{
        std::string bomb = "  kubelet:\n    config:\n      a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
        for (int i = 1; i < 10; ++i) {
                bomb += "      a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
                for (int j = 0; j < 10; ++j)
                        bomb += std::string(j > 0 ? ", " : "") + "*a" + std::to_string(i - 1);
                bomb += "]\n";
        }

        const auto aliases = refused_spec(bomb);
        CHECK(aliases.failure == "config-syntax");
        CHECK(aliases.mentions("100000 values"));
        CHECK(aliases.mentions("user data, line "));

        // Few values, but long ones: each alias would be a copy of it. And so for what lies below a long
        // key.
        const std::string long_text(200'000, 'x');
        std::string copies;
        for (int i = 0; i < 100; ++i)
                copies += ", *a";
        CHECK(refused_spec("  kubelet: {config: {a: &a " + long_text + ", b: [*a" + copies + "]}}\n")
                        .mentions("bytes in all"));

        std::string below;
        for (int i = 0; i < 100; ++i)
                below += "        a" + std::to_string(i) + ": 1\n";
        CHECK(refused_spec("  kubelet:\n    config:\n      ? " + long_text + "\n      :\n" + below)
                        .mentions("bytes in all"));

        CHECK(refused_spec("  kubelet: {config: {a: &a [*a]}}\n").failure == "config-syntax");
        CHECK(refused_spec("  kubelet: {config: {a: &a {b: 1, <<: *a}}}\n").failure == "config-syntax");
}

TEST_CASE("Nesting may go as deep as a person needs and no deeper", "[node-config]")
{
        const auto nested = [](std::size_t levels) {
                return "  kubelet: {config: {x: " + std::string(levels, '[') + std::string(levels, ']') +
                       "}}\n";
        };

        CHECK(refused_spec(nested(40)).failure == "nothing");

        const auto deep = refused_spec(nested(70));
        CHECK(deep.failure == "config-syntax");
        CHECK(deep.mentions("64 levels"));

        // Far beyond what any stack holds: in a child, for a crash would take the other tests with it.
        CHECK(test::in_child([&] {
                return refused_spec(nested(100'000)).failure == "config-syntax" ? 0 : 1;
        }) == 0);

        CHECK(test::in_child([&] {
                return refused_spec("  x: " + std::string(100'000, '{')).failure == "config-syntax" ? 0 : 1;
        }) == 0);
}

TEST_CASE("JSON that no stack holds is refused too", "[node-config]")
{
        const auto nested = [](std::size_t levels) {
                return json_document(R"({"kubelet": {"config": {"x": )" + std::string(levels, '[') +
                                     std::string(levels, ']') + "}}}");
        };
        CHECK(refused(nested(40)).failure == "nothing");
        CHECK(test::in_child([&] { return refused(nested(200'000)).failure == "config-syntax" ? 0 : 1; }) ==
                0);
}

TEST_CASE("JSON is read as JSON, tabs included, and keeps its lines", "[node-config]")
{
        const auto layer = test::strict_node_config(
                "\n"
                "{\n"
                "\t\"apiVersion\": \"node.eks.aws/v1alpha1\",\n"
                "\t\"kind\": \"NodeConfig\",\n"
                "\t\"spec\": {\n"
                "\t\t\"cluster\": {\n"
                "\t\t\t\"name\": \"yes\"\n"
                "\t\t},\n"
                "\t\t\"kubelet\": {\"config\": {\"x\": 1.5e1, \"y\": \"a\\tb\\u00e4\\/\"}}\n"
                "\t}\n"
                "}\n",
                "user data");
        CHECK(layer.tree == Json{{"cluster", {{"name", "yes"}}},
                                    {"kubelet", {{"config", {{"x", 15.0}, {"y", "a\tb\u00e4/"}}}}}});
        CHECK(layer.marks.at("cluster.name") == Where{"user data", 7, 4});
        CHECK(layer.marks.at("kubelet.config.y").line == 9);
        CHECK(test::strict_node_config(json_document(R"({"cluster": {"name": "\ud83d\ude00"}})"), "x")
                        .tree["cluster"]["name"] == "\U0001f600");
}

TEST_CASE("Only the first document of a stream counts", "[node-config]")
{
        const auto layer = test::strict_node_config(
                "---\n" + node_config("  cluster: {name: one}\n") + "---\nkind: Other\n", "x");
        CHECK(layer.tree["cluster"]["name"] == "one");
        CHECK(layer.marks.at("cluster.name").line == 5);
}

TEST_CASE("A syntax error has a line and a column", "[node-config]")
{
        struct Row {
                std::string text;
                std::string where;
        };
        const std::vector<Row> rows{
                {"apiVersion: [1\n", "user data, line 2, column 1: not YAML: "},
                {"apiVersion: a\n\tkind: b\n", "user data, line 2, column 1: not YAML: "},
                {"a: b: c\n", "user data, line 1, column 5: not YAML: "},
                {"a: b\nc: \"\x01\"\n", "user data, line 2, column 5: not YAML: control characters"},
                {"a: \"b\n", "user data, line 2, column 1: not YAML: "},
                {"%YAML 9.9\n---\na: b\n", "user data, line 1, column 1: not YAML: "},
                {"{\"a\": 1,\n \"b\": }\n", "user data, line 2, column 7: not JSON: "},
                {"{\"a\": 1} x", "user data, line 1, column 10: not JSON: "},
                {"{", "user data, line 1, column 2: not JSON: "},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                const auto result = refused(row.text);
                CHECK(result.failure == "config-syntax");
                CHECK(result.what.substr(0, row.where.size()) == row.where);
                CHECK_FALSE(has_control_characters(result.what));
                CHECK(result.remedy.find("checks it anywhere") != std::string::npos);
        }
}

TEST_CASE("A NUL byte is refused with its place", "[node-config]")
{
        const auto result = refused(node_config("  cluster:\n    name: a\0b\n"s));
        CHECK(result.failure == "config-syntax");
        CHECK(result.mentions("user data, line 5, column 12"));
        CHECK(refused("\0"s).mentions("user data, line 1, column 1"));
        CHECK(refused("{\"kind\": \"a\0b\"}"s).failure == "config-syntax");
}

TEST_CASE("Numbers that no JSON number holds are refused with the document", "[node-config]")
{
        const auto result = refused(json_document(R"({"kubelet": {"config": {"x": 1e999}}})"));
        CHECK(result.failure == "config-syntax");
        CHECK(result.mentions("user data"));
}

TEST_CASE("User data that is no NodeConfig is called by its name", "[node-config]")
{
        struct Row {
                std::string text;
                std::string reported;
        };
        const std::vector<Row> rows{
                {"", "user data is empty"},
                {" \n\n", "user data is empty"},
                {"---\n", "user data is not a NodeConfig"},
                {"hello\n", "user data is not a NodeConfig"},
                {"- a\n- b\n", "user data is not a NodeConfig"},
                {"apiVersion: v1\nmetadata: {}\n", "user data is not a NodeConfig"},
                {"{}", "user data is not a NodeConfig"},
                {"#!/bin/bash\nset -o xtrace\n/etc/eks/bootstrap.sh my-cluster\n", "user data is a script"},
                {"#!/bin/bash\nset -ex\ncat > /etc/x <<EOF\nkey: \"value\": [\nEOF\necho 'a: b'\n",
                        "user data is a script"},
                {"#!/bin/bash\n\techo \"tab: and: colons\"\n", "user data is a script"},
                {"#cloud-config\npackages:\n  - jq\n", "user data is a cloud-config"},
                {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\x00\x00\x00"s,
                        "user data is compressed with gzip"},
                {"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"BOUNDARY\"\n\n--BOUNDARY\n"
                 "Content-Type: application/node.eks.aws\n\n---\napiVersion: node.eks.aws/v1alpha1\nkind: "
                 "NodeConfig\n"
                 "spec:\n  cluster:\n    name: my-cluster\n--BOUNDARY--\n",
                        "user data is a MIME multipart document"},
                {"Content-Type: multipart/mixed; boundary=\"==B==\"\nMIME-Version: "
                 "1.0\n\n--==B==\nContent-Type: "
                 "text/x-shellscript; charset=\"us-ascii\"\n\n#!/bin/bash\necho hi\n--==B==--\n",
                        "user data is a MIME multipart document"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                const auto result = refused(row.text);
                CHECK((result.failure == "config-syntax" || result.failure == "config-invalid"));
                CHECK(result.mentions("user data"));
                CHECK_FALSE(result.remedy.empty());
        }
}

TEST_CASE("Another version or kind is refused with what was found", "[node-config]")
{
        const auto kind = refused("apiVersion: node.eks.aws/v1alpha1\nkind: Pod\nspec: {}\n");
        CHECK(kind.failure == "config-invalid");
        CHECK(kind.mentions("user data, line 2, column 1: kind = \"Pod\""));

        const auto version = refused("apiVersion: node.eks.aws/v2\nkind: NodeConfig\n");
        CHECK(version.failure == "config-invalid");
        CHECK(version.mentions("user data, line 1, column 1: apiVersion = \"node.eks.aws/v2\""));
        CHECK(version.mentions("'node.eks.aws/v1alpha1'"));

        const auto both = refused("kind: nodeconfig\napiVersion: 5\n");
        CHECK(both.failure == "config-invalid");
        CHECK(both.mentions("line 2, column 1: apiVersion = \"5\""));
        CHECK(both.mentions("line 1, column 1: kind = \"nodeconfig\""));
        CHECK(refused("kind: NodeConfig\n").mentions("apiVersion"));
        CHECK(refused("Kind: NodeConfig\napiVersion: node.eks.aws/v1alpha1\n").failure == "config-invalid");
        CHECK_FALSE(kind.remedy.empty());
}

TEST_CASE("A document without spec says nothing", "[node-config]")
{
        const std::string head = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n";
        CHECK(test::strict_node_config(head, "x").tree == Json::object());
        CHECK(test::strict_node_config(head + "spec: {}\n", "x").tree == Json::object());

        const auto list = refused(head + "spec: []\n");
        CHECK(list.failure == "config-invalid");
        CHECK(list.mentions("spec"));
        CHECK(refused(head + "spec: text\n").failure == "config-invalid");

        // YAML's "kubelet:" with nothing below it
        CHECK(parsed("  kubelet:\n  cluster:\n    name:\n").tree == Json{{"cluster", Json::object()}});
}

TEST_CASE("Unknown fields of NodeConfig are noted and left out, with the nearest that is known",
        "[node-config]")
{
        const auto layer = parsed(
                "  clutser: {name: a}\n  cluster:\n    nmae: b\n  kubelet:\n    flag: []\n"
                "    config: {anything: {goes: 1}}\n  instance:\n    localStorage: {strategy: RAID0}\n");
        CHECK(layer.tree == Json{{"cluster", Json::object()},
                                    {"instance", {{"localStorage", {{"strategy", "RAID0"}}}}},
                                    {"kubelet", {{"config", {{"anything", {{"goes", 1}}}}}}}});
        REQUIRE(layer.notes.size() == 3);

        const auto noted = [&](const std::string& start, const std::string& hint) {
                for (const auto& note : layer.notes)
                        if (note.text.starts_with(start) && note.level == Level::warning &&
                                note.text.find("is unknown and ignored") != std::string::npos)
                                return note.text.find(hint) != std::string::npos;
                return false;
        };

        CHECK(noted("user data, line 6, column 5: spec.cluster.nmae ", "'spec.cluster.name'"));
        CHECK(noted("user data, line 8, column 5: spec.kubelet.flag ", "'spec.kubelet.flags'"));
        CHECK(noted("user data, line 4, column 3: spec.clutser ", ""));
        CHECK(parsed("  CLUSTER: {name: a}\n").tree == Json::object()); // case counts
}

TEST_CASE("Null says nothing, as the empty value of its type", "[node-config]")
{
        CHECK(test::strict_node_config("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n", "u")
                        .tree == Json::object());
        CHECK(test::strict_node_config(node_config("  {}\n") + "metadata: {creationTimestamp: null}\n", "u")
                        .notes.empty());

        const auto layer = parsed("  cluster: {name: ~, enableOutpost: ~}\n  containerd: {}\n"
                                  "  featureGates: {A: ~, B: true}\n"
                                  "  instance:\n    localStorage: {disabledMounts: [~]}\n    network: ~\n"
                                  "    environment: {default: ~, kubelet: {}, containerd: {A: ~}}\n"
                                  "  kubelet:\n    flags: [~, --v=2, ~]\n    config: {maxPods: ~}\n");
        CHECK(layer.notes.empty());
        CHECK(layer.tree["featureGates"] == Json{{"A", false}, {"B", true}});
        CHECK(layer.tree["instance"]["localStorage"]["disabledMounts"] == Json{""});
        CHECK(layer.tree["instance"]["environment"]["containerd"] == Json{{"A", ""}});
        CHECK(layer.tree["kubelet"]["flags"] == Json{"--v=2"});
        CHECK(layer.tree["kubelet"]["config"] == Json{{"maxPods", nullptr}});
}

TEST_CASE("An unknown mount has no effect", "[node-config]")
{
        const auto layer = parsed("  instance: {localStorage: {disabledMounts: [SOCI, Attic, PodLogs]}}\n");
        CHECK(layer.tree["instance"]["localStorage"]["disabledMounts"] == Json{"SOCI", "", "PodLogs"});
        REQUIRE(layer.notes.size() == 1);
        CHECK(layer.notes[0].strict);
        CHECK(layer.notes[0].text ==
                "user data, line 4, column 52: spec.instance.localStorage.disabledMounts[1] = "
                "\"Attic\": not one of Containerd, Kubelet, PodLogs, SOCI, ignoring");
}

TEST_CASE("Items of flags are taken apart as systemd does it, and keep their places", "[node-config]")
{
        const auto layer = parsed("  kubelet:\n    flags:\n    - --node-labels=\"a=b,c=d\"\n"
                                  "    - --v=2 --max-pods  5\n    - '  '\n    - |\n      --x=1\n");
        CHECK(layer.notes.empty());
        CHECK(layer.tree["kubelet"]["flags"] ==
                Json{"--node-labels=a=b,c=d", "--v=2", "--max-pods", "5", "--x=1"});

        const auto line = [&](int i) {
                return layer.marks.at("kubelet.flags[" + std::to_string(i) + "]").line;
        };

        CHECK(std::vector{line(0), line(1), line(2), line(3), line(4)} == std::vector{6, 7, 7, 7, 9});
        CHECK_FALSE(layer.marks.contains("kubelet.flags[5]"));
        CHECK(parsed("  kubelet: {flags: []}\n").tree["kubelet"]["flags"] == Json::array());
}

TEST_CASE("A quote that is not closed ends with its item, which is worth a warning", "[node-config]")
{
        const auto layer = parsed(
                "  kubelet:\n    flags:\n    - --node-labels=\"a=b\n    - --v=2\n    - '--x=1\\'\n    - "
                "\"--y=1\\n--z=2\"\n");
        CHECK(layer.tree["kubelet"]["flags"] ==
                Json{"--node-labels=a=b", "--v=2", "--x=1", "--y=1", "--z=2"});
        REQUIRE(layer.notes.size() == 3);
        CHECK(layer.notes[0].text ==
                "user data, line 6, column 7: spec.kubelet.flags = \"--node-labels=\\\"a=b\": a "
                "quote that is not closed ends with the item, proceeding");
        CHECK(layer.notes[1].text.starts_with("user data, line 8, column 7: "));
        CHECK(layer.notes[2].text.ends_with(
                "\"--y=1\\n--z=2\": a line break counts as a blank, proceeding"));

        for (const auto& note : layer.notes)
                CHECK(note.strict);
}

TEST_CASE("Unknown fields beside spec are noted, metadata is ignored", "[node-config]")
{
        const auto layer = test::strict_node_config(
                node_config("  {}\n") + "metadata: {name: x}\nstatus: {}\n", "user data");
        REQUIRE(layer.notes.size() == 1);
        CHECK(layer.notes.front().text ==
                "user data, line 6, column 1: status is not a field of NodeConfig, ignoring");
        CHECK(layer.misplaced.empty());

        const auto misplaced =
                test::strict_node_config(node_config("  {}\n") + "kubelet: {}\n", "user data");
        CHECK(misplaced.misplaced.contains("kubelet"));
}

TEST_CASE("Values of the wrong type are all named, with line, key, value and what is right", "[node-config]")
{
        struct Row {
                std::string spec;
                std::string reported;
        };
        const std::vector<Row> rows{
                {"  cluster: text\n", "user data, line 4, column 3: spec.cluster = \"text\": must be a map"},
                {"  cluster: []\n", "user data, line 4, column 3: spec.cluster = []: must be a map"},
                {"  cluster:\n    name: 5\n",
                        "user data, line 5, column 5: spec.cluster.name = 5: must be a string"},
                {"  cluster:\n    name: yes\n", "spec.cluster.name = true: must be a string"},
                {"  cluster:\n    cidr: {}\n", "spec.cluster.cidr = {}: must be a string"},
                {"  cluster:\n    apiServerEndpoint: [a]\n",
                        "spec.cluster.apiServerEndpoint = [\"a\"]: must be a string"},
                {"  cluster:\n    certificateAuthority: 1.5\n",
                        "spec.cluster.certificateAuthority = 1.5: must be a string"},
                {"  cluster:\n    enableOutpost: \"true\"\n",
                        "spec.cluster.enableOutpost = \"true\": must be true or false"},
                {"  kubelet:\n    flags: --v=2\n",
                        "spec.kubelet.flags = \"--v=2\": must be a list of strings"},
                {"  kubelet:\n    flags: [--v=2, 5]\n",
                        "user data, line 5, column 20: spec.kubelet.flags[1] = 5: must be a string"},
                {"  kubelet:\n    flags: [[a]]\n", "spec.kubelet.flags[0] = [\"a\"]: must be a string"},
                {"  kubelet:\n    config: []\n", "spec.kubelet.config = []: must be a map"},
                {"  kubelet:\n    config: text\n", "spec.kubelet.config = \"text\": must be a map"},
                {"  featureGates: []\n", "spec.featureGates = []: must be a map of names to true or false"},
                {"  featureGates: {InstanceIdNodeName: \"true\"}\n",
                        "spec.featureGates.InstanceIdNodeName = \"true\": must be true or false"},
                {"  containerd:\n    config: {version: 2}\n", "spec.containerd.config: must be a string"},
                {"  containerd:\n    baseRuntimeSpec: text\n",
                        "spec.containerd.baseRuntimeSpec = \"text\": must be a map"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.spec);
                const auto result = refused_spec(row.spec);
                CHECK(result.failure == "config-invalid");
                CHECK(result.mentions(row.reported));
                CHECK(result.advises("eks-node.toml(5)"));
        }

        const auto all = refused_spec("  cluster:\n    name: 5\n    cidr: 6\n  kubelet: []\n");
        CHECK(all.mentions("line 5, column 5: spec.cluster.name"));
        CHECK(all.mentions("line 6, column 5: spec.cluster.cidr"));
        CHECK(all.mentions("line 7, column 3: spec.kubelet"));
}

TEST_CASE("A bad value is shown in part, and escaped", "[node-config]")
{
        const auto result =
                refused_spec("  kubelet:\n    flags: \"line\\nbreak\\e[1m" + std::string(500, 'x') + "\"\n");
        CHECK(result.failure == "config-invalid");
        CHECK_FALSE(has_control_characters(result.what));
        CHECK(result.what.size() < 300);
}

TEST_CASE("Every value knows its line", "[node-config]")
{
        const auto layer = parsed("  cluster:\n"                              // 4
                                  "    name: a\n"                             // 5
                                  "    cidr:\n"                               // 6
                                  "      10.0.0.0/16\n"                       // 7
                                  "  kubelet:\n"                              // 8
                                  "    config:\n"                             // 9
                                  "      evictionHard:\n"                     // 10
                                  "        memory.available: 100Mi\n"         // 11
                                  "      list: [a, {b: c}]\n"                 // 12
                                  "    flags:\n"                              // 13
                                  "    - --v=2\n"                             // 14
                                  "    - --v=3\n"                             // 15
                                  "  containerd: {config: 'version = 2'}\n"); // 16
        const auto at = [&](const std::string& key) {
                const auto mark = layer.marks.find(key);
                return mark == layer.marks.end() ? std::pair(0, 0)
                                                 : std::pair(mark->second.line, mark->second.column);
        };

        CHECK(at("cluster") == std::pair(4, 3));
        CHECK(at("cluster.name") == std::pair(5, 5));
        CHECK(at("cluster.cidr") == std::pair(6, 5)); // the key's line, where a reader looks first
        CHECK(at("kubelet.config.evictionHard.\"memory.available\"") == std::pair(11, 9));
        CHECK(at("kubelet.config.list[0]") == std::pair(12, 14));
        CHECK(at("kubelet.config.list[1].b") == std::pair(12, 18));
        CHECK(at("kubelet.flags") == std::pair(13, 5));
        CHECK(at("kubelet.flags[0]") == std::pair(14, 7));
        CHECK(at("kubelet.flags[1]") == std::pair(15, 7));
        CHECK(at("containerd.config") == std::pair(16, 16));
        CHECK_FALSE(layer.marks.contains("kind"));

        for (const auto& [key, where] : layer.marks)
                CHECK(where.source == "user data");
}

TEST_CASE("A place reads as source, line and column; without a line as the source", "[node-config]")
{
        CHECK(Where{"user data", 3, 5}.text() == "user data, line 3, column 5");
        CHECK(Where{"user data"}.text() == "user data");
}

TEST_CASE("Key paths quote what is not a bare word", "[node-config]")
{
        CHECK(key_path("", "cluster") == "cluster");
        CHECK(key_path("a", "b-c_D/9") == "a.b-c_D/9");
        CHECK(key_path("a", "memory.available") == "a.\"memory.available\"");
        CHECK(key_path("a", "") == "a.\"\"");
        CHECK(key_path("a", "b c") == "a.\"b c\"");
        CHECK(key_path("a", "say \"x\"\n") == "a.\"say \\\"x\\\"\\n\"");
        CHECK_FALSE(has_control_characters(key_path("a", "\xff\n")));
}

TEST_CASE("A damaged document is read or refused, never anything else", "[node-config]")
{
        const std::vector<std::string> seeds{
                node_config(test::reference_cluster +
                            "  kubelet:\n    config: {maxPods: 20, x: &a [1, 0x2, 1e3, ~]}\n"
                            "    flags:\n    - --v=5\n  featureGates:\n    InstanceIdNodeName: true\n"
                            "  containerd:\n    config: |\n      version = 2\n"),
                json_document(
                        R"({"cluster": {"name": "a", "cidr": "10.0.0.0/8"}, "kubelet": {"config": {"x": [1, 2.5, null, true,)"
                        R"( "\u00e4"]}, "flags": ["--v=2"]}, "featureGates": {"InstanceIdNodeName": false}})"),
        };
        constexpr std::string_view spice = "{}[]:,&*!|>'\"%@`#-?~<\\\n\t 019eE._x\xff\xc3\x80";
        for (const auto& seed : seeds)
                CHECK(test::survives_damage(seed, spice, 1500, "config-", [](const std::string& text) {
                        test::strict_node_config(text, "user data");
                }) == "");
}

TEST_CASE("A key that is set twice, and a second document, are told with their places", "[node-config]")
{
        const auto texts = [](const std::string& text) {
                std::vector<std::string> all;
                for (const auto& note : parse_node_config(text, "user data").notes)
                        all.push_back(note.text);
                return all;
        };
        const auto yaml = node_config("  kubelet:\n    config:\n      maxPods: 5\n      maxPods: 7\n");
        CHECK(texts(yaml) ==
                std::vector{"user data, line 7, column 7: spec.kubelet.config.maxPods is set twice, "
                            "first in line 6; the last one counts: keep one of them, proceeding"s});
        CHECK(parse_node_config(yaml, "user data").tree["kubelet"]["config"]["maxPods"] == 7);
        CHECK(texts(json_document(R"({"kubelet": {"config": {"maxPods": 5, "maxPods": 7}}})")).size() == 1);

        const auto plain = node_config("  cluster: {name: c}\n");
        CHECK(texts(plain + "---\nkind: NodeConfig\n") ==
                std::vector{
                        "user data, line 5, column 1: a second YAML document: only the first one is read; merge "
                        "the two, or give it in a MIME part or file of its own, ignoring"s});
        CHECK(texts(plain + "---\na: [\n").size() == 1);

        // What is nothing of the kind.
        for (const auto* end : {"", "---\n", "...\n", "...\n# a comment\n", "---\n# a comment\n---\n"})
                CHECK(texts("---\n" + plain + end).empty());
        CHECK(texts(node_config("  kubelet:\n    config:\n      x: &a {b: 1}\n      y: {<<: *a, b: 2}\n"))
                        .empty());
        CHECK(texts(node_config("  kubelet:\n    config:\n      x: &a {b: 1, b: 2}\n      y: *a\n"))
                        .size() == 1);
}
