// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/sources.hpp"
#include "support.hpp"
#include "userdata/documents.hpp"
#include "userdata/user_data.hpp"

using eks::Json;
using eks::read_user_data;
using test::base64;
using test::cluster_document;
using test::crlf;
using test::gzip;
using test::refusal;
using namespace std::string_literals;

namespace {

struct ReadUserData : eks::UserData {
        std::vector<eks::Layer> layers;
};

ReadUserData read(const std::string& bytes)
{
        auto data = read_user_data(bytes, "user data");
        auto layers = eks::parse_documents(data, data.notes);
        return {std::move(data), std::move(layers)};
}

test::Refusal refused(const std::string& bytes)
{
        return refusal([&] { read(bytes); });
}

struct Part {
        std::string headers;
        std::string body;
};

std::string mime(const std::vector<Part>& parts)
{
        std::string text = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"//\"\n\n";
        for (const auto& part : parts)
                text += "--//\n" + part.headers + "\n" + part.body + "\n";
        return text + "--//--\n";
}

const std::string node_config_header = "Content-Type: application/node.eks.aws\n";
const std::string toml_header = "Content-Type: application/vnd.eksnode+toml\n";
const std::string script_header = "Content-Type: text/x-shellscript; charset=\"us-ascii\"\n";

Part node_config(const std::string& name)
{
        return {node_config_header, cluster_document(name)};
}

std::vector<std::string> names(const ReadUserData& data)
{
        std::vector<std::string> all;
        for (const auto& layer : data.layers)
                all.push_back(layer.tree.at("cluster").at("name"));
        return all;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("One NodeConfig is read in every wrapping", "[user-data]")
{
        const auto yaml = cluster_document("c");
        const auto json =
                R"({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": {"cluster": {"name": "c"}}})"s;
        const auto document = mime({node_config("c")});
        auto wrapped = base64(yaml);
        wrapped.insert(40, "\r\n");
        const std::vector<std::string> rows{yaml, "---\n" + yaml, "# a comment\n\n" + yaml, "\n\n" + yaml,
                crlf(yaml), json, base64(yaml), base64(yaml) + "\n", wrapped, gzip(yaml), base64(gzip(yaml)),
                document, crlf(document), base64(document), gzip(document), base64(gzip(document)),
                mime({{node_config_header, base64(yaml)}}), mime({{node_config_header, gzip(yaml)}}),
                mime({{node_config_header, base64(gzip(yaml))}}),
                mime({{"Content-Type: Application/Node.EKS.AWS ; x=y\n", json}}),
                mime({{node_config_header + "Content-Transfer-Encoding: base64\n", base64(yaml)}}),
                mime({{node_config_header + "Content-Transfer-Encoding: base64\n", base64(gzip(yaml))}}),
                mime({{node_config_header + "Content-Transfer-Encoding: quoted-printable\n",
                        "apiVersion: node.eks.aws/v1alpha1=0Akind:=\n NodeConfig\nspec: {cluster: {name=3A "
                        "c}}"}})};
        for (const auto& row : rows) {
                CAPTURE(row);
                const auto data = read(row);
                CHECK(names(data) == Names{"c"});
                CHECK_FALSE(data.has_scripts);
                CHECK(data.held.size() == 1);
        }
        CHECK(read(yaml).held == Names{"user data: NodeConfig"});
        CHECK(read(yaml).layers[0].marks.at("cluster.name") == eks::Where{"user data", 5, 5});
}

TEST_CASE("Parts are layers in order of appearance, and all are accounted for", "[user-data]")
{
        const auto data = read(mime({{script_header, "#!/bin/bash\necho\n"}, node_config("one"),
                {"Content-Type: text/cloud-config\n", "runcmd: [true]\n"},
                {toml_header, "[cluster]\nname = \"two\"\n"}, {"", "what is this"},
                {"Content-Type: application/json\n", "{}"}, node_config("three"),
                {script_header, "/etc/eks/bootstrap.sh four\n"},
                {"Content-Type: text/plain\n", "#!/bin/sh\n/etc/eks/bootstrap.sh five"}}));
        CHECK(names(data) == Names{"one", "two", "three"});
        CHECK(data.has_scripts);
        CHECK(data.names_bootstrap);
        CHECK(data.held ==
                Names{"user data, MIME part 1: text/x-shellscript, which cloud-init runs on the node",
                        "user data, MIME part 2: application/node.eks.aws, NodeConfig",
                        "user data, MIME part 3: text/cloud-config, for cloud-init, which acts on it on the node",
                        "user data, MIME part 4: application/vnd.eksnode+toml, TOML",
                        "user data, MIME part 5: no type, ignored",
                        "user data, MIME part 6: application/json, ignored",
                        "user data, MIME part 7: application/node.eks.aws, NodeConfig",
                        "user data, MIME part 8: text/x-shellscript, which cloud-init runs on the node, and which names /etc/eks/bootstrap.sh",
                        "user data, MIME part 9: text/plain, which cloud-init runs on the node, and which names /etc/eks/bootstrap.sh"});
        CHECK(data.layers[0].source == "user data, MIME part 2");
        CHECK(data.layers[1].marks.at("cluster.name") == eks::Where{"user data, MIME part 4", 2, 1});
}

TEST_CASE("Parts in a multipart are counted as they appear", "[user-data]")
{
        const auto data = read(mime({node_config("one"),
                {"Content-Type: multipart/mixed; boundary=x\n", "--x\n\nfirst\n--x\n" + node_config_header +
                                                                        "\n" + cluster_document("two") +
                                                                        "\n--x--\n"},
                node_config("three")}));
        CHECK(names(data) == Names{"one", "two", "three"});
        CHECK(data.layers[1].source == "user data, MIME part 3");
        CHECK(data.layers[2].source == "user data, MIME part 4");
}

TEST_CASE("User data without configuration is not an error", "[user-data]")
{
        struct Row {
                std::string bytes;
                bool has_scripts;
                std::string held;
        };

        const std::vector<Row> rows{
                {"", false, "user data: empty"},
                {"\n", false, "user data: empty"},
                {" \t\r\n", false, "user data: empty"},
                {gzip(""), false, "user data: empty"},
                {"#!/bin/bash\necho hello\n", true,
                        "user data: a script, which cloud-init runs on the node"},
                {"#!/usr/bin/python3\nprint()\n", true,
                        "user data: a script, which cloud-init runs on the node"},
                {base64("#!/bin/bash\necho hello\n"), true,
                        "user data: a script, which cloud-init runs on the node"},
                {"#!/bin/bash\n\xff\0"s, true, "user data: a script, which cloud-init runs on the node"},
                {"#cloud-config\nruncmd: []\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {"#cloud-config", true, "user data: for cloud-init, which acts on it on the node"},
                {"#cloud-boothook\n#!/bin/sh\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {"#include\nhttps://example.com/\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {"## template: jinja\n#cloud-config\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                // cloud-init ignores blanks and upper case, and where the word ends.
                {"\n#cloud-config\nruncmd: []\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {" \t\r\n\v\f\u00a0\u3000#cloud-config\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {"#Cloud-Config\nruncmd: []\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {"#cloud-configuration\nruncmd: []\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {"#cloud-config: of the team\n\xff", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {"\n#INCLUDE https://example.com/\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {"\n## Template: Jinja\n#cloud-config\n", true,
                        "user data: for cloud-init, which acts on it on the node"},
                {base64(gzip("\n#Cloud-Boothook\n#!/bin/sh\n")), true,
                        "user data: for cloud-init, which acts on it on the node"},
                {mime({}), false, "user data: a MIME document without parts"},
                {mime({{"", ""}}), false, "user data, MIME part 1: no type, ignored"},
                {mime({{"Content-Type: text/plain\n", "#cloud-config\n"}}), true,
                        "user data, MIME part 1: text/plain, for cloud-init, which acts on it on the node"},
                {mime({{"Content-Type: text/plain\n", "\n#Cloud-Config\n"}}), true,
                        "user data, MIME part 1: text/plain, for cloud-init, which acts on it on the node"},
                {mime({{"", "\n#cloud-config\n"}}), true,
                        "user data, MIME part 1: no type, for cloud-init, which acts on it on the node"},
                {mime({{script_header, "\n#cloud-config\n"}}), true,
                        "user data, MIME part 1: text/x-shellscript, for cloud-init, which acts on it on the node"},
                {mime({{"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n",
                         base64("\n#cloud-config\n")}}),
                        true,
                        "user data, MIME part 1: text/plain, for cloud-init, which acts on it on the node"},
                {mime({{"Content-Type: application/x-gzip\nContent-Transfer-Encoding: base64\n",
                         base64(gzip("\n#cloud-config\n"))}}),
                        true,
                        "user data, MIME part 1: application/x-gzip, for cloud-init, which acts on it on the node"},
                {mime({{"Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n",
                         base64(gzip("#!/bin/sh\n"))}}),
                        true, "user data, MIME part 1: application/gzip, which cloud-init runs on the node"},
                // What it does not look at.
                {mime({{"Content-Type: text/plain\n", base64("#cloud-config\n")}}), false,
                        "user data, MIME part 1: text/plain, ignored"},
                {mime({{"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n",
                         base64(gzip("#cloud-config\n"))}}),
                        false, "user data, MIME part 1: text/plain, ignored"},
                {mime({{"Content-Type: text/html\n", "#cloud-config\n"}}), false,
                        "user data, MIME part 1: text/html, ignored"},
                {mime({{"Content-Type: application/json\n", "#!/bin/sh\n"}}), false,
                        "user data, MIME part 1: application/json, ignored"},
                {mime({{"Content-Type: text/cloud-boothook\n", ""}}), true,
                        "user data, MIME part 1: text/cloud-boothook, for cloud-init, which acts on it on the node"},
                {mime({{"Content-Type: text/x-shellscript-per-boot\n", "a"}}), true,
                        "user data, MIME part 1: text/x-shellscript-per-boot, for cloud-init, which acts on it on the node"},
                {mime({{"Content-Type: application/octet-stream\n", "\xff\0"s}}), false,
                        "user data, MIME part 1: application/octet-stream, ignored"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.bytes);
                const auto data = read(row.bytes);
                CHECK(data.layers.empty());
                CHECK(data.has_scripts == row.has_scripts);
                CHECK(data.held == Names{row.held});
        }
}

TEST_CASE("Scripts are not read, only whether they name bootstrap.sh", "[user-data]")
{
        for (const auto* text : {"#!/bin/bash\nset -ex\n/etc/eks/bootstrap.sh c --use-max-pods false\n",
                     "#!/bin/bash\n/etc/eks/bootstrap.sh $NAME\n",
                     "#cloud-config\nruncmd: [/etc/eks/bootstrap.sh c]\n",
                     "#cloud-boothook\n#!/bin/sh\n/etc/eks/bootstrap.sh 'c\n"}) {
                CAPTURE(text);
                for (const auto& bytes : {std::string(text), mime({{"Content-Type: text/plain\n", text}})}) {
                        const auto data = read(bytes);
                        CHECK(data.layers.empty());
                        CHECK(data.has_scripts);
                        CHECK(data.names_bootstrap);
                }
        }

        for (const auto* text : {"#!/bin/sh\nnodeadm init\n", "#!/bin/sh\n/usr/bin/nodeadm -d init",
                     "#!/bin/sh\n\"nodeadm\" init", "#cloud-config\nruncmd:\n- [nodeadm, init]\n",
                     "#!/bin/sh\nexec nodeadm"}) {
                CAPTURE(text);
                const auto data = read(text);
                CHECK(data.names_call);
                CHECK_FALSE(data.names_bootstrap);
        }

        for (const auto* text : {"#!/bin/sh\necho\n", "#!/bin/sh\nls /etc/eks/nodeadm.d\n",
                     "#!/bin/sh\nsystemctl start nodeadm-run\n", "#!/bin/sh\nmy_nodeadm\n",
                     "nodeadm init\n"}) {
                CAPTURE(text);
                CHECK_FALSE(read_user_data(text, "user data").names_call);
        }

        CHECK_FALSE(
                read(mime({{"Content-Type: text/markdown\n", "/etc/eks/bootstrap.sh"}})).names_bootstrap);
}

TEST_CASE("A NodeConfig in a part of another type is told", "[user-data]")
{
        const auto yaml = cluster_document("c");
        for (const auto& part : std::vector<Part>{{"Content-Type: text/plain\n", yaml}, {"", yaml},
                     {"Content-Type: text/yaml\n", base64(yaml)},
                     {"Content-Type: application/node.eks.aws, x\n", "a: b"},
                     {"Content-Type: application/node.eks.aws/v1alpha1\n", yaml},
                     {"Content-Type: application/node.eks.aws+yaml\n", "{}"}}) {
                CAPTURE(part.headers);
                const auto data = read(mime({part}));
                CHECK(data.layers.empty());
                CHECK_THAT(data.held.at(0),
                        Catch::EndsWith(
                                "ignored: a NodeConfig needs Content-Type: application/node.eks.aws"));
                REQUIRE_FALSE(data.notes.empty());
                CHECK(data.notes.back().strict);
                CHECK(data.notes.back().text ==
                        "user data, MIME part 1: a NodeConfig whose Content-Type is not application/node.eks.aws, ignoring");
        }

        CHECK(read(mime({{"Content-Type: text/plain\n", "about node.eks.aws"}})).notes.empty());
}

TEST_CASE("A NodeConfig may begin with a comment that only looks like cloud-init's", "[user-data]")
{
        for (const auto* comment : {"#cloud-configuration of the node\n", "#included below\n", "# include\n",
                     "#part-handlers\n"}) {
                const auto data = read(comment + cluster_document("c"));
                CHECK(names(data) == Names{"c"});
                CHECK_FALSE(data.has_scripts);
        }

        // Both read these.
        for (const auto* line : {"#cloud-config\n", "\n#Cloud-Config\nruncmd: [true]\n", "#!/bin/sh\n"}) {
                const auto data = read(line + cluster_document("c"));
                CHECK(names(data) == Names{"c"});
                CHECK(data.has_scripts);
        }

        // A file of a cloud-config is not one.
        const auto data = read(
                "#cloud-config\nwrite_files:\n- path: /c.yaml\n  content: |\n    apiVersion: node.eks.aws/v1alpha1\n");
        CHECK(data.layers.empty());
        CHECK(data.has_scripts);
}

TEST_CASE("A script with something before its first bytes cannot run", "[user-data]")
{
        for (const auto& part :
                std::vector<Part>{{script_header, "\n\n#!/bin/bash\n/etc/eks/bootstrap.sh c"},
                        {"Content-Type: text/plain\n", "\n\n#!/bin/bash\n"},
                        {script_header, "\xef\xbb\xbf\n\n#!/bin/sh\n"}}) {
                CAPTURE(part.body);
                const auto data = read(mime({part}));
                CHECK_FALSE(data.has_scripts);
                CHECK_FALSE(data.names_bootstrap);
                CHECK_THAT(data.held.at(0), Catch::EndsWith("'#!' must be its first bytes"));
                REQUIRE(data.notes.size() == 1);
                CHECK(data.notes[0].strict);
                CHECK_THAT(
                        data.notes[0].text, Catch::StartsWith("user data, MIME part 1, line 3, column 1: "));
        }
}

TEST_CASE("A compressed part that is damaged is cloud-init's", "[user-data]")
{
        const auto data = read(mime({node_config("c"), {"Content-Type: application/gzip\n", "x"}}));
        CHECK(names(data) == Names{"c"});
        CHECK_FALSE(data.has_scripts);
        REQUIRE(data.notes.size() == 1);
        CHECK_THAT(data.notes[0].text, Catch::StartsWith("user data, MIME part 2: gzip data: "));
}

TEST_CASE("User data that cannot be read is refused with its place", "[user-data]")
{
        const auto yaml = cluster_document("c");
        struct Row {
                std::string bytes;
                std::string failure;
                std::string wrong;
        };

        const std::vector<Row> rows{
                {"hello\n", "config-syntax", "user data, line 1, column 1: plain text, not a NodeConfig"},
                {"spec: [\n", "config-syntax", "user data, line 2, column 1: "},
                {"kind: NodeConfig\nspec: {}\n", "config-invalid", "apiVersion: missing"},
                {"cluster: {name: c}\n", "config-invalid", "apiVersion: missing"},
                {"Content-Type: application/node.eks.aws\n\n---\n" + yaml, "config-invalid",
                        "user data, line 1, column 1: the header of a mail is before the document"},
                {"test", "config-syntax",
                        "user data, line 1, column 1: byte 0xb5 is not UTF-8"}, // base64 by chance
                {"[cluster]\nname = \"c\"\n", "config-syntax",
                        "user data: TOML, which user data may only hold as a MIME part"},
                {"# mine\ncluster.name = 'c'\n", "config-syntax",
                        "user data: TOML, which user data may only"},
                {"apiVersion: node.eks.aws/v2\nkind: NodeConfig\n", "config-invalid",
                        "user data, line 1, column 1: apiVersion"},
                {"apiVersion: v1\nkind: Pod\n", "config-invalid", "user data, line 2, column 1: kind"},
                {yaml + "\xff", "config-syntax", "user data, line 6, column 1: byte 0xff is not UTF-8"},
                {yaml + "\0"s, "config-syntax", "user data, line 6, column 1: a NUL byte"},
                {"apiVersion: \xc3\xa4\xc3\n", "config-syntax",
                        "user data, line 1, column 15: byte 0xc3 is not UTF-8"},
                {"a: \xc0\x80\n", "config-syntax", "line 1, column 4: byte 0xc0"},         // overlong
                {"a: \xe0\x80\x80\n", "config-syntax", "line 1, column 4: byte 0xe0"},     // overlong
                {"a: \xed\xa0\x80\n", "config-syntax", "line 1, column 4: byte 0xed"},     // surrogate
                {"a: \xf0\x80\x80\x80\n", "config-syntax", "line 1, column 4: byte 0xf0"}, // overlong
                {"a: \xf4\x90\x80\x80\n", "config-syntax", "line 1, column 4: byte 0xf4"}, // above U+10FFFF
                {"a: \xf5\x80\x80\x80\n", "config-syntax", "line 1, column 4: byte 0xf5"},
                {"a: \x80\n", "config-syntax", "line 1, column 4: byte 0x80"},
                {"a: \xf0\x9f\x98", "config-syntax", "line 1, column 4: byte 0xf0"},
                {crlf(yaml) + "\xff", "config-syntax",
                        "user data, line 6, column 1: byte 0xff is not UTF-8"},
                {gzip(yaml).substr(0, 30), "config-syntax",
                        "user data: gzip data: cut short after 30 bytes"},
                {base64(gzip(yaml).substr(0, 30)), "config-syntax",
                        "user data: gzip data: cut short after 30 bytes"},
                {gzip(yaml) + "\n", "config-syntax", "user data: gzip data: 1 bytes after its end"},
                {gzip(std::string(2U << 20U, ' ')), "config-syntax",
                        "user data: gzip data: more than 1048576 bytes after"},
                {std::string(10U << 20U, 'a'), "config-syntax", "user data: more than 1048576 bytes"},
                {std::string(10U << 20U, '\xa5'), "config-syntax", "user data: more than 1048576 bytes"},
                {gzip(gzip(yaml)), "config-syntax", "byte 0x8b is not UTF-8"},
                {base64(base64(yaml)), "config-syntax", "user data: base64 in base64"},
                {base64(base64(gzip(yaml))), "config-syntax", "user data: base64 in base64"},
                {"\n" + mime({node_config("c")}), "config-syntax",
                        "user data, line 1, column 1: the header of a MIME document must begin on the first "
                        "line"},
                {"  " + mime({node_config("c")}), "config-syntax",
                        "must begin on the first line, without blanks"},
                {mime({node_config("c")}).substr(0, 150), "config-syntax",
                        "user data, line 4, column 1: this MIME part has no end"},
                {"Content-Type: multipart/mixed\n\n--//\n" + node_config_header + "\n" + yaml + "--//--\n",
                        "config-syntax", "user data, line 1, column 1: Content-Type is multipart"},
                {"Content-Type: multipart/mixed; boundary=//\n\n--//\n" + node_config_header + "\n" + yaml +
                                "--//--\n",
                        "config-syntax", "put the boundary into double quotes"},
                {"MIME-Version: 1.0\nContent-Type: application/node.eks.aws\n\n---\n" + yaml,
                        "config-invalid",
                        "user data, line 1, column 1: the header of a mail is before the document"},
                {"MIME-Version: 1.0\nContent-Type: application/vnd.eksnode+toml\n\n[cluster]\nname = 'c'\n",
                        "config-syntax", "the header of a mail is before the document"},
                {mime({node_config("c"), {node_config_header, "a: [\n"}}), "config-syntax",
                        "user data, MIME part 2, line "},
                {mime({{node_config_header, ""}}), "config-syntax",
                        "user data, MIME part 1, line 1, column 1: not a map"},
                {mime({{node_config_header, "# mine\n---\n- a\n"}}), "config-syntax",
                        "user data, MIME part 1, line 3, column 1: not a map"},
                {"apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n- cluster\n", "config-invalid",
                        "user data, line 3, column 1: spec: must be a map"},
                {mime({{node_config_header, "kind: Pod\napiVersion: v1\n"}}), "config-invalid",
                        "user data, MIME part 1, line 1"},
                {mime({{node_config_header, yaml + "\n\xff"}}), "config-syntax",
                        "user data, MIME part 1, line 7, column 1: byte 0xff"},
                {mime({{toml_header, "a = \0"s}}), "config-syntax",
                        "user data, MIME part 1, line 1, column 5: a NUL byte"},
                {mime({{toml_header, "# \xfe"s}}), "config-syntax",
                        "user data, MIME part 1, line 1, column 3: byte 0xfe"},
                {mime({{toml_header, "a ="}}), "config-syntax", "user data, MIME part 1, line 1"},
                {mime({{node_config_header, gzip(yaml).substr(0, 30)}}), "config-syntax",
                        "user data, MIME part 1: gzip data: cut short"},
                {mime({{node_config_header, "#!/bin/sh\n"}}), "config-syntax",
                        "user data, MIME part 1, line 1, column 1: not a map"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.bytes.substr(0, 200));
                const auto wrong = refused(row.bytes);
                CHECK(wrong.failure == row.failure);
                CHECK(wrong.mentions(row.wrong));
                CHECK_FALSE(wrong.remedy.empty());
        }
}

TEST_CASE("A broken MIME document without configuration is left to cloud-init", "[user-data]")
{
        const auto script = "--//\n" + script_header + "\n#!/bin/bash\n/etc/eks/bootstrap.sh c\n"s;
        const auto start = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"//\"\n"s;
        for (const auto& text :
                {start + "\n--//\n" + script_header + "#!/bin/bash\n/etc/eks/bootstrap.sh c\n--//--\n",
                        "\n\n" + start + "\n" + script + "--//--\n", start + "\n" + script + "--//",
                        start + "\n" + script + "--//--\\\n", start + "\n" + script,
                        start + script + "--//--\n",
                        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=//\n\n" + script +
                                "--//--\n"}) {
                CAPTURE(text);
                for (const auto& bytes : {text, crlf(text), base64(gzip(text))}) {
                        const auto data = read(bytes);
                        CHECK(data.layers.empty());
                        CHECK(data.has_scripts);
                        CHECK(data.names_bootstrap);
                        REQUIRE(data.notes.size() == 1);
                        CHECK(data.notes[0].level == eks::Level::warning);
                        CHECK(data.notes[0].strict);
                        CHECK_THAT(data.notes[0].text,
                                Catch::StartsWith("user data, line ") &&
                                        Catch::EndsWith("left to cloud-init, proceeding"));
                }
        }

        for (const auto* text : {"MIME-Version: 1.0\nContent-Type: multipart/mixed\n\n--a\n\nx\n--a--\n",
                     "MIME-Version: 1.0\nContent-Type: text/plain\n\nhello: [\n",
                     "--a\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n"}) {
                CAPTURE(text);
                const auto data = read(text);
                CHECK_FALSE(data.has_scripts);
                CHECK(data.held == Names{"user data: a MIME document without parts"});
                CHECK(data.notes.size() == 1);
        }
}

TEST_CASE("A message with one script is cloud-init's", "[user-data]")
{
        const auto data =
                read("MIME-Version: 1.0\n" + script_header + "\n#!/bin/bash\necho node.eks.aws/v1alpha1\n");
        CHECK(data.has_scripts);
        CHECK(data.notes.empty());
        CHECK(data.layers.empty());
}

TEST_CASE("The body of a script is not asked whether it has its encoding", "[user-data]")
{
        for (const std::string encoding : {"base64", "quoted-printable"}) {
                const auto data = read(mime(
                        {node_config("c"), {script_header + "Content-Transfer-Encoding: " + encoding + "\n",
                                                   "#!/bin/sh\necho =4"}}));
                CHECK(names(data) == Names{"c"});
                CHECK(data.has_scripts);
                CHECK(data.notes.empty());
        }
        CHECK(names(read(mime({{node_config_header + "Content-Transfer-Encoding: base64\n",
                      cluster_document("c")}}))) == Names{"c"});
}

TEST_CASE("A broken multipart in a part does not matter to the document", "[user-data]")
{
        const auto inner = "--x\n" + node_config_header + "\n" + cluster_document("two");
        const auto script = "--x\n" + script_header + "\n#!/bin/bash\n";
        for (const auto& [header, body] : std::vector<Part>{{"Content-Type: multipart/mixed\n", inner},
                     {"Content-Type: multipart/mixed; boundary=x\n", inner + script},
                     {"Content-Type: multipart/mixed; boundary=x\n", "x"}}) {
                CAPTURE(body);
                const auto data = read(mime({node_config("one"), {header, body}}));
                CHECK(names(data) == Names{"one"});
                CHECK(data.has_scripts == (body.find("#!") != body.npos));
                REQUIRE(data.notes.size() == 1);
                CHECK(data.notes[0].strict);
        }

        // nodeadm does not read it, so it cannot end the boot.
        for (const auto& wrong : {"kind: Pod\n"s, "a: [\n"s, "\xff\n"s, gzip("a").substr(0, 12)}) {
                CAPTURE(wrong);
                const auto data = read(mime({node_config("one"),
                        {"Content-Type: multipart/mixed; boundary=x\n",
                                "--x\n" + node_config_header + "\n" + wrong + "\n--x--\n"}}));
                CHECK(names(data) == Names{"one"});
                REQUIRE(data.notes.size() == 1);
                CHECK_THAT(data.notes[0].text, Catch::Contains("where nodeadm does not look"));
        }
}

TEST_CASE("A byte order mark is skipped", "[user-data]")
{
        const auto mark = "\xef\xbb\xbf"s;
        const auto yaml = cluster_document("c");
        for (const auto& bytes : {mark + yaml, mark + crlf(yaml), base64(mark + yaml), gzip(mark + yaml),
                     mark + mime({node_config("c")}), mime({{node_config_header, mark + yaml}}),
                     mime({{node_config_header, base64(mark + yaml)}}),
                     mark + R"({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": {"cluster": {"name": "c"}}})",
                     mime({{toml_header, mark + "[cluster]\nname = \"c\"\n"}})}) {
                CAPTURE(bytes);
                CHECK(names(read(bytes)) == Names{"c"});
        }
}

TEST_CASE("A NodeConfig in UTF-16 is known by its byte order mark", "[user-data]")
{
        const auto yaml = cluster_document("c");
        const auto utf16 = [](const std::string& text, bool little_endian) {
                std::string bytes = little_endian ? "\xff\xfe" : "\xfe\xff";
                for (const char c : text)
                        bytes += little_endian ? std::string{c, '\0'} : std::string{'\0', c};
                return bytes;
        };

        for (const bool little_endian : {true, false}) {
                for (const auto& bytes : {utf16(yaml, little_endian),
                             base64(utf16(crlf(yaml), little_endian)), gzip(utf16(yaml, little_endian)),
                             mime({{node_config_header, base64(utf16(yaml, little_endian))}})})
                        CHECK(names(read(bytes)) == Names{"c"});
                CHECK(refused(utf16(yaml, little_endian) + "a")
                                .mentions("line 6, column 1: half a character"));
                CHECK(refused(mime({{toml_header, base64(utf16("a = 1", little_endian))}}))
                                .mentions("is not UTF-8"));
        }
}

TEST_CASE("JSON may hold bytes that are not UTF-8, as in Go", "[user-data]")
{
        const auto json =
                "{\"apiVersion\": \"node.eks.aws/v1alpha1\", \"kind\": \"NodeConfig\",\n\"spec\": {\"cluster\": {\"name\": \"\xe4\"}}}"s;
        for (const auto& bytes : {json, mime({{node_config_header, json}})}) {
                const auto data = read(bytes);
                CHECK(names(data) == Names{"\ufffd"});
                REQUIRE(data.layers[0].notes.size() == 1);
                CHECK(data.layers[0].notes[0].strict);
                CHECK_THAT(data.layers[0].notes[0].text, Catch::Contains("line 2, column 31: not UTF-8"));
        }
}

TEST_CASE("A wrong key is the layer's problem, so that all are told at once", "[user-data]")
{
        const auto data = read(mime({node_config("one"), {toml_header, "[clustr]\nname = \"c\""}}));
        REQUIRE(data.layers.size() == 2);
        CHECK(data.layers[0].problems.empty());
        CHECK_FALSE(data.layers[1].problems.empty());
}

TEST_CASE("A NodeConfig is found behind any number of parts", "[user-data]")
{
        std::vector<Part> parts(1000, {"Content-Type: text/plain\n", "x"});
        parts.push_back(node_config("c"));

        for (const auto& bytes : {mime(parts), gzip(mime(parts))}) {
                const auto data = read(bytes);
                CHECK(names(data) == Names{"c"});
                CHECK(data.layers[0].source == "user data, MIME part 1001");
                REQUIRE(data.held.size() == 101); // or a message would be very long
                CHECK(data.held.back() == "user data, 901 more parts");
        }

        const std::vector<Part> broken(1000, {"Content-Type: multipart/mixed; boundary=b\n", "x"});
        CHECK(read(mime(broken)).notes.size() == 10);
}

TEST_CASE("Many small bombs are one large one", "[user-data]")
{
        const auto padded = gzip(cluster_document("c") + std::string(600'000, '\n'));
        CHECK(names(read(mime({{node_config_header, padded}}))) == Names{"c"});
        const auto wrong = refused(mime({{node_config_header, padded}, {node_config_header, padded}}));
        CHECK(wrong.failure == "config-syntax");
        CHECK(wrong.mentions("user data, MIME part 2: gzip"));
}

TEST_CASE("Every beginning of user data is read or refused", "[user-data]")
{
        const auto document = mime({node_config("c"),
                {script_header, "#!/bin/bash\n/etc/eks/bootstrap.sh \\\n c --cluster-id '1'\n"},
                {toml_header, "[cluster]\nid = \"\xc3\xa4\"\n"}});
        for (const auto& bytes :
                {document, crlf(document), gzip(document), base64(document), cluster_document("c")})
                for (std::size_t size = 0; size < bytes.size(); ++size) {
                        CAPTURE(size);
                        CHECK(refused(bytes.substr(0, size)).failure != "foreign");
                }
}

TEST_CASE("Settings of Bottlerocket are called by their name", "[user-data]")
{
        for (const std::string text : {"[settings.kubernetes]\n\"cluster-name\" = \"my-cluster\"\n",
                     "# mine\r\n\n  [settings]\r\n[settings.kubernetes]\napi-server = 'https://a.b'\n"}) {
                CAPTURE(text);
                const auto result = refused(text);
                CHECK(result.failure == "config-syntax");
                CHECK(result.mentions("user data: settings of Bottlerocket"));
                CHECK(result.remedy.find("spec.cluster.name") != std::string::npos);
        }

        const auto other = refused("[settings2]\na = 1\n");
        CHECK(other.failure == "config-syntax");
        CHECK_FALSE(other.mentions("Bottlerocket"));
}

TEST_CASE("A NodeConfig behind the closing delimiter is told", "[user-data]")
{
        const auto before = mime({node_config("a")});
        const auto lines = std::ranges::count(before, '\n');
        const auto data = read(before + "\n--//\n" + node_config_header + "\n" + cluster_document("b"));
        CHECK(names(data) == std::vector{"a"s});
        REQUIRE(data.notes.size() == 1);
        CHECK(data.notes[0].text ==
                "user data, line " + std::to_string(lines + 3) +
                        ", column 1: a NodeConfig behind the closing delimiter of the MIME document: put it "
                        "before that line, below a delimiter of its own, ignoring");

        CHECK(read(before + cluster_document("b")).notes.size() == 1);
        CHECK(read(crlf(before + cluster_document("b"))).notes.size() == 1);
        for (const auto* text : {"", "\n", "made by a tool for node.eks.aws\n",
                     "--//\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n"})
                CHECK(read(before + text).notes.empty());
}
