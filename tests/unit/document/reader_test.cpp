// SPDX-License-Identifier: Apache-2.0
#include <array>

#include <catch2/catch.hpp>

#include "document/reader.hpp"
#include "document/toml.hpp"

using namespace eks;

namespace {

using Texts = std::vector<std::string>;

// What is said of a value, each as "key: what is wrong".
Texts reported(const char* json, Shape shape, std::string_view choices = {})
{
        Texts texts;
        const bool right = check_value(Json::parse(json), "k", {"k", shape, choices},
                [&](const auto& key, const auto&, const auto& what) { texts.push_back(key + ": " + what); });
        CHECK(right == texts.empty());
        return texts;
}

Layer layer_of(const char* toml)
{
        return TomlDocument::parse(toml, "a.toml").layer("a.toml");
}

bool is_short(std::string_view text)
{
        return text.size() < 3;
}

} // namespace

TEST_CASE("A value without the shape of its key is an error that names the shape", "[reader]")
{
        struct Row {
                Shape shape;
                const char* right;
                const char* wrong;
        };
        const auto row = GENERATE(values<Row>({{Shape::text, R"("a")", "1"},
                {Shape::text_or_list, R"("a")", "[]"}, {Shape::text_or_list, R"(["a"])", "{}"},
                {Shape::list, "[]", R"("a")"}, {Shape::number, "-1", "1.5"},
                {Shape::count, "2147483647", "2147483648"}, {Shape::count, "0", "-1"},
                {Shape::toggle, "false", "0"}, {Shape::map, R"({"a": [1]})", "[]"},
                {Shape::text_map, R"({"a": "b"})", R"(["a"])"}, {Shape::toggles, R"({"a": true})", "true"},
                {Shape::environment, R"({"a": {"b": "c"}, "d": null})", "[]"},
                {Shape::text_maps, R"([{"a": "b"}])", "{}"}}));
        CHECK(reported(row.right, row.shape).empty());
        CHECK(reported(row.wrong, row.shape) == Texts{"k: " + std::string(expected(row.shape))});
        CHECK(fits(Json::parse(row.right), row.shape));
        CHECK_FALSE(fits(Json::parse(row.wrong), row.shape));
        CHECK(fits(Json::parse(row.wrong), Shape::any));
}

TEST_CASE("Every wrong item in a value is named", "[reader]")
{
        CHECK(reported(R"(["a", 1, "b", {}])", Shape::list) ==
                Texts{"k[1]: must be a string", "k[3]: must be a string"});
        CHECK(reported(R"({"a.b": 1})", Shape::toggles) == Texts{"k.\"a.b\": must be true or false"});
        CHECK(reported(R"({"a": {"b": 1}, "c": 2})", Shape::environment) ==
                Texts{"k.a.b: must be a string", "k.c: must be a map of strings"});
        CHECK(reported(R"([{"a": 1}])", Shape::text_maps) == Texts{"k[0].a: must be a string"});
}

TEST_CASE("The empty text is a choice only where it is allowed", "[reader]")
{
        CHECK(reported(R"("b")", Shape::text, "a|b").empty());
        CHECK(reported(R"("c")", Shape::text, "a|b") == Texts{"k: must be one of a, b"});
        CHECK(reported(R"("")", Shape::text, "a|b") == Texts{"k: must be one of a, b"});
        CHECK(reported(R"("")", Shape::text, "|a|b").empty());
        CHECK(reported(R"("c")", Shape::text, "|a|b") == Texts{"k: must be one of a, b"});
        CHECK(reported(R"(["a", "c"])", Shape::list, "|a|b") == Texts{"k[1]: must be one of a, b"});
}

TEST_CASE("What no key knows, or what is not of its kind, is said and taken out", "[reader]")
{
        constexpr std::array keys{KnownKey{"a", Shape::text}, KnownKey{"b.c", Shape::toggle}};
        auto tree = Json::parse(R"({"a": 1, "b": {"c": true, "d": 1}, "e": {}, "null": null})");
        Texts unknown;
        Texts wrong;
        const KeyRules rules{.keys = keys,
                .unknown = [&](const auto& key) { unknown.push_back(key); },
                .wrong = [&](const auto& key, const auto&, const auto&) { wrong.push_back(key); }};
        keep_known(tree, rules);
        CHECK(tree == Json::parse(R"({"b": {"c": true}})"));
        CHECK(unknown == Texts{"b.d", "e", "null"});
        CHECK(wrong == Texts{"a"});

        tree = Json::parse(R"({"b": 1})");
        keep_known(tree, rules);
        CHECK(tree.empty());
        CHECK(wrong == Texts{"a", "b"});
}

TEST_CASE("A place is that of the key, of what is below it, or of what is above", "[reader]")
{
        const Marks marks{{"a", {"f", 1, 1}}, {"a.b.c", {"f", 2, 1}}, {"l[1]", {"f", 3, 1}}};
        CHECK(nearest_place(marks, "a.b.c", {"f"}).line == 2);
        CHECK(nearest_place(marks, "a.b", {"f"}).line == 2);
        CHECK(nearest_place(marks, "a.x.y", {"f"}).line == 1);
        CHECK(nearest_place(marks, "l[1].z", {"f"}).line == 3);
        CHECK(nearest_place(marks, "other", {"configuration"}) == Where{"configuration"});
}

TEST_CASE("A table is read by type and rule, and each mistake is told with its place", "[reader]")
{
        const auto layer = layer_of("t = 'ab'\nlong = 'abc'\nnumber = 1\nlist = ['a', 'b']\n"
                                    "longs = ['a', 'abc']\nyes = true\ntable = {a = 1}\n");
        Problems problems;
        const TableReader reader(layer.tree, "", layer.marks, {"a.toml"}, problems);
        constexpr TextRule rule{is_short, "a short word"};
        CHECK(reader.text("t", rule) == "ab");
        CHECK(reader.text("absent", rule).empty());
        CHECK(reader.list("list", rule) == Texts{"a", "b"});
        CHECK(reader.list("absent", rule).empty());
        CHECK(reader.toggle("yes"));
        CHECK_FALSE(reader.toggle("absent"));
        CHECK(problems.empty());

        CHECK(reader.text("long", rule).empty());
        CHECK(reader.text("number", rule).empty());
        CHECK(reader.list("longs", rule).empty());
        CHECK(reader.list("t", rule).empty());
        CHECK_FALSE(reader.toggle("number"));
        reader.wrong("table", "is not wanted", "Remove it");
        CHECK(problems.texts() ==
                Texts{R"(a.toml, line 2, column 1: long = "abc": must be a short word)",
                        R"(a.toml, line 3, column 1: number = "1": must be a short word)",
                        R"(a.toml, line 5, column 1: longs = "abc": must be a list, each item a short word)",
                        R"(a.toml, line 1, column 1: t = "ab": must be a list, each item a short word)",
                        R"(a.toml, line 3, column 1: number = "1": must be true or false)",
                        "a.toml, line 7, column 1: table: is not wanted"});
}

TEST_CASE("A table with a key too many names the nearest, and where it stands", "[reader]")
{
        const auto layer = layer_of("[x]\nserver = ''\nsevrer = ''\n");
        Problems problems;
        const TableReader reader(layer.tree.at("x"), "x", layer.marks, {"a.toml"}, problems);
        reader.refuse_unknown(Texts{"server", "ca"});
        CHECK(problems.texts() ==
                Texts{"a.toml, line 3, column 1: x.sevrer: unknown key; did you mean 'server'?"});
        CHECK(problems.remedies() == Texts{"The keys are server, ca"});
}

TEST_CASE("Problems are thrown in the order of their places, each with its remedy", "[problems]")
{
        Problems problems;
        problems.add({"b", 1, 1}, "z", "", "wrong", "Mend b");
        problems.add({"a", 10, 1}, "y", "", "wrong", "Mend a");
        problems.add({"a", 9, 1}, "x", "", "wrong", "Mend a");
        problems.sort_by_place({"a", "b"});

        try {
                problems.throw_if_any(failure::config_invalid);
                FAIL("nothing is thrown");
        } catch (const Error& e) {
                CHECK(std::string(e.what()) ==
                        "a, line 9, column 1: x: wrong; a, line 10, column 1: y: wrong. Mend a; "
                        "b, line 1, column 1: z: wrong");
                CHECK(e.remedy() == "Mend b");
        }

        std::vector<Note> notes{{Level::warning, "b, line 1, column 1: z"},
                {Level::info, "a, line 10, column 1: y"}, {Level::warning, "a, line 9, column 1: x"}};
        sort_by_place(notes, {"a", "b"});
        CHECK(notes[0].text == "a, line 9, column 1: x");
        CHECK(notes[2].text == "b, line 1, column 1: z");
}
