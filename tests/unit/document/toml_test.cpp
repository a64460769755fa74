// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "document/toml.hpp"
#include "documents.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::string_literals;
using test::refusal;

namespace {

TomlDocument document(std::string_view text)
{
        return TomlDocument::parse(text, "file");
}
Json tree(const TomlDocument& toml)
{
        return toml.layer("x").tree;
}
Json tree(std::string_view text)
{
        return tree(document(text));
}

Json merged(std::string_view under, std::string_view over)
{
        auto result = document(under);
        result.merge(document(over));
        return tree(result);
}

} // namespace

TEST_CASE("TOML becomes a tree of the same shape", "[toml]")
{
        CHECK(tree("") == Json::object());
        CHECK(tree("a = 1\nb = 1.5\nc = true\nd = 'x'\ne = [1, 'two', [3]]\n[t.u]\nv = {w = 0x10}\n[[l]]\nx "
                   "= 1\n[[l]]\ny = 2\n") ==
                Json{{"a", 1}, {"b", 1.5}, {"c", true}, {"d", "x"}, {"e", {1, "two", {3}}},
                        {"t", {{"u", {{"v", {{"w", 16}}}}}}}, {"l", {{{"x", 1}}, {{"y", 2}}}}});
        CHECK(tree("\"a.b\" = 1\na.b = 2\n") == Json{{"a.b", 1}, {"a", {{"b", 2}}}});
}

TEST_CASE("Bad TOML is refused with line and column", "[toml]")
{
        struct Row {
                std::string text;
                std::string where;
        };
        const std::vector<Row> rows{
                {"a = ", "file, line 1, column "},
                {"a = 1\nb = \n", "file, line 2, column "},
                {"[t]\na = 1\na = 2\n", "file, line 3, column "},
                {"[t]\n[t]\n", "file, line 2, column "},
                {"a = 'x\n", "file, line 1, column "},
                {"key with blanks = 1\n", "file, line 1, column "},
                {"a = yes\n", "file, line 1, column "},
                {"a = \"\xff\"\n", "file, line 1, column "},
                {"a = 1\nb = \"x\0y\"\n"s, "file, line 2, column "},
                {"\xff\xfe", "file, line 1, column "},
                {"a = 99999999999999999999\n", "file, line 1, column "},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                const auto result = refusal([&] { document(row.text); });
                CHECK(result.failure == "config-syntax");
                CHECK(result.what.substr(0, row.where.size()) == row.where);
                CHECK(result.mentions(": not TOML: "));
                CHECK_FALSE(has_control_characters(result.what));
        }
}

TEST_CASE("A key that begins or ends with a dot is refused", "[toml]")
{
        for (const auto* text : {"[.a]\n", "[a.]\n", "[a..b]\n", "[[.a]]\n", ".a = 1\n", "a. = 1\n",
                     "a..b = 1\n", "[]\n", "[.]\n", "x = {.a = 1}\n"}) {
                CAPTURE(text);
                // In a child: the TOML library has been seen to abort here.
                CHECK(test::in_child([&] {
                        return refusal([&] { document(text); }).failure == "config-syntax" ? 0 : 1;
                }) == 0);
        }
}

TEST_CASE("Tables merge, everything else is replaced", "[toml]")
{
        CHECK(merged("[a.b.c.d]\nf = 0\n", "[a.b.c.d]\ne = 0\n") == tree("[a.b.c.d]\ne = 0\nf = 0\n"));
        CHECK(merged("a = 1\nb = 2\n", "b = 3\nc = 4\n") == Json{{"a", 1}, {"b", 3}, {"c", 4}});
        CHECK(merged("a = [1, 2]\n", "a = [3]\n") == Json{{"a", {3}}});
        CHECK(merged("a = [1, 2]\n", "a = []\n") == Json{{"a", Json::array()}});
        CHECK(merged("a = 'x'\n", "a = ''\n") == Json{{"a", ""}});
        CHECK(merged("a = true\n", "a = false\n") == Json{{"a", false}});
        CHECK(merged("[a]\nb = 1\n", "a = 5\n") == Json{{"a", 5}});
        CHECK(merged("a = 5\n", "[a]\nb = 1\n") == Json{{"a", {{"b", 1}}}});
        CHECK(merged("[a]\nb = 1\n", "[a]\n") == Json{{"a", {{"b", 1}}}});
        CHECK(merged("a = {b = 1}\n", "[a]\nc = 2\n[a.d]\ne = 3\n") ==
                Json{{"a", {{"b", 1}, {"c", 2}, {"d", {{"e", 3}}}}}});
        CHECK(merged("[[a]]\nb = 1\n", "[[a]]\nc = 2\n") == Json{{"a", {{{"c", 2}}}}});
        CHECK(merged("", "a = 1\n") == Json{{"a", 1}});
        CHECK(merged("a = 1\n", "") == Json{{"a", 1}});
}

TEST_CASE("Text that is written is read back as the same table, and written as the same text", "[toml]")
{
        const std::vector<std::string> texts{"", "a = 1\n", "a = 'x\\y'\nb = \"it's\\n\\u0001\"\n",
                "a = 0x1F\nb = 0o17\nc = 1_000\n", "f = 1.0\ng = 1e300\nh = -0.5\n",
                "d = 1979-05-27\nt = 07:32:00\nz = 1979-05-27T07:32:00Z\n",
                "'key with blanks' = 1\n\"dotted.key\" = 2\n\"\" = 3\n", "a = [1, [2, 3], {b = 4}]\n",
                "[[l]]\nx = 1\n[[l]]\n[l.m]\ny = 2\n",
                "[plugins.'io.containerd.grpc.v1.cri'.containerd]\na = "
                "1\n[plugins.'io.containerd.grpc.v1.cri']\nb = 2\n",
                "m = '''\na\nb'''\n", "[empty]\n[a.b.c]\n"};
        for (const auto& text : texts) {
                CAPTURE(text);
                const auto once = document(text).text();
                CHECK(once.ends_with('\n'));
                CHECK(tree(once) == tree(text));
                CHECK(document(once).text() == once);
                CHECK(document(text).text() == once);
        }
}

TEST_CASE("The same table is always the same text, however it was written", "[toml]")
{
        struct Row {
                std::string one;
                std::string other;
        };
        const std::vector<Row> rows{
                {"a = 1\nb = 2\n", "b = 2\n# a remark\na = 1\n"},
                {"[t]\nx = 1\ny = 'z'\n", "[t]\ny = \"z\"\nx = 1\n"},
                {"[b]\nx = 1\n[a]\ny = 2\n", "[a]\ny = 2\n\n\n[b]\nx = 1\n"},
                {"[a.b]\nc = 1\n", "a.b.c = 1\n"},
                {"[a.b]\nc = 1\n", "a = {b = {c = 1}}\n"},
                {"a = 31\n", "a = 0x1F\n"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.one, row.other);
                REQUIRE(tree(row.one) == tree(row.other));
                CHECK(document(row.one).text() == document(row.other).text());
        }
}

TEST_CASE("Keys are written sorted, values before tables", "[toml]")
{
        CHECK(document("[t]\nx = 1\n[s]\nb = 2\na = 1\n").text() == "[s]\na = 1\nb = 2\n\n[t]\nx = 1\n");
        CHECK(TomlDocument::from_tree({{"z", {{"x", 1}}}, {"a", true}, {"zz", "last"}}).text() ==
                "a = true\nzz = 'last'\n\n[z]\nx = 1\n");
}

TEST_CASE("Texts are looked up by path", "[toml]")
{
        const auto toml = document("version = 2\n[a.'b.c']\ns = 'x'\nf = 1.0\n");
        CHECK(toml.string_at({"a", "b.c", "s"}) == "x");
        CHECK_FALSE(toml.string_at({"version"}));
        CHECK_FALSE(toml.string_at({"a", "absent", "s"}));
        CHECK_FALSE(toml.string_at({"version", "below"}));
}

TEST_CASE("Every key of a TOML layer knows its line", "[toml]")
{
        const auto layer = document(
                "version = 2\n\n[cluster]\nname = 'a'\n[kubelet]\nflags = [\n  '--a',\n  '--b',\n]\n"
                "[kubelet.config]\n'memory.available' = 1\n")
                                   .layer("/etc/eks/node.toml");
        const auto at = [&](const std::string& key) {
                const auto mark = layer.marks.find(key);
                return mark == layer.marks.end() ? std::string("(unknown)") : mark->second.text();
        };

        CHECK(at("version") == "/etc/eks/node.toml, line 1, column 1");
        CHECK(at("cluster.name") == "/etc/eks/node.toml, line 4, column 1");
        CHECK(at("kubelet.flags") == "/etc/eks/node.toml, line 6, column 1");
        CHECK(at("kubelet.flags[1]") == "/etc/eks/node.toml, line 8, column 3");
        CHECK(at("kubelet.config.\"memory.available\"") == "/etc/eks/node.toml, line 11, column 1");
}

TEST_CASE("Our TOML has the keys of NodeConfig's spec, and an unknown one is an error with the nearest",
        "[toml]")
{
        const auto layer = test::strict_node_toml(
                "[cluster]\nname = 'a'\n[kubelet]\nflags = ['--v=2']\n[kubelet.config]\nx = {y = 1}\n"
                "[featureGates]\nInstanceIdNodeName = true\n[containerd]\nconfig = 'version = 2'\n",
                "f");
        CHECK(layer.tree["kubelet"] == Json{{"flags", {"--v=2"}}, {"config", {{"x", {{"y", 1}}}}}});
        CHECK(layer.notes.empty());

        const auto slip =
                refusal([] { test::strict_node_toml("[cluster]\nnmae = 'a'\n", "/etc/eks/node.toml"); });
        CHECK(slip.failure == "config-invalid");
        CHECK(slip.mentions("/etc/eks/node.toml, line 2, column 1: cluster.nmae"));
        CHECK(slip.mentions("'cluster.name'"));
        CHECK(slip.advises("eks-node.toml(5)"));

        const auto far = refusal([] { test::strict_node_toml("[completely.unlike]\nanything = 1\n", "f"); });
        CHECK(far.failure == "config-invalid");
        CHECK(far.mentions("f, line 1, column 2: completely"));

        const auto two = refusal([] { test::strict_node_toml("spec = 1\napiVersion = 'x'\n", "f"); });
        CHECK(two.mentions("spec: unknown key"));
        CHECK(two.mentions("apiVersion: unknown key"));
}

TEST_CASE("Our TOML is held to the types of NodeConfig", "[toml]")
{
        struct Row {
                std::string text;
                std::string reported;
        };
        const std::vector<Row> rows{
                {"cluster = 'x'\n", "f, line 1, column 1: cluster = \"x\": must be a map"},
                {"[cluster]\nname = 5\n", "f, line 2, column 1: cluster.name = 5: must be a string"},
                {"[cluster]\nenableOutpost = 'yes'\n",
                        "cluster.enableOutpost = \"yes\": must be true or false"},
                {"[[kubelet]]\nflags = []\n", "kubelet"},
                {"[kubelet]\nflags = '--v=2'\n", "kubelet.flags = \"--v=2\": must be a list of strings"},
                {"[kubelet]\nflags = [1]\n", "line 2, column 10: kubelet.flags[0] = 1: must be a string"},
                {"[featureGates]\nA = 1\n",
                        "f, line 2, column 1: featureGates.A = 1: must be true or false"},
                {"[containerd.config]\nversion = 2\n", "containerd.config: must be a string"},
                {"[cluster]\nname = 1979-05-27\n", "cluster.name: a date or time"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                const auto result = refusal([&] { test::strict_node_toml(row.text, "f"); });
                CHECK(result.failure == "config-invalid");
                CHECK(result.mentions(row.reported));
        }
}

TEST_CASE("Nesting without end is refused, not followed", "[toml]")
{
        const auto survives = [](const std::string& text) {
                return test::in_child([&] {
                        const auto result = refusal([&] { test::strict_node_toml(text, "f"); });
                        return result.failure.starts_with("config-") ? 0 : 1;
                });
        };

        const auto dotted = [](std::size_t levels) {
                std::string key = "a";
                for (std::size_t i = 1; i < levels; ++i)
                        key += ".a";
                return key;
        };

        CHECK(survives("[kubelet.config]\nx = " + std::string(100'000, '[')) == 0);
        CHECK(survives("[kubelet.config]\nx = " + std::string(100'000, '[') + std::string(100'000, ']')) ==
                0);
        CHECK(survives("[kubelet.config]\n" + dotted(100'000) + " = 1\n") == 0);
        CHECK(survives("[kubelet.config." + dotted(100'000) + "]\n") == 0);
}

TEST_CASE("Damaged TOML is read or refused, never anything else", "[toml]")
{
        const std::string seed =
                "[cluster]\nname = 'my-cluster'\ncidr = \"10.100.0.0/16\"\n[kubelet]\nflags = ['--v=5', "
                "'--x']\n"
                "[kubelet.config]\nmaxPods = 0x20\n'memory.available' = 1.5e3\nwhen = 1979-05-27T07:32:00Z\n"
                "[[kubelet.config.list]]\na = {b = [1, true]}\n[containerd]\nconfig = '''\nversion = "
                "2\n'''\n";
        constexpr std::string_view spice = "{}[]=,.'\"#\\\n\t 019eExX_-+:TZ\xff\xc3\x80";
        CHECK(test::survives_damage(seed, spice, 3000, "config-",
                      [](const std::string& text) { test::strict_node_toml(text, "f"); }) == "");
}
