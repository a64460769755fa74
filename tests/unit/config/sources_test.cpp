// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <catch2/catch.hpp>

#include "checks/find_problems.hpp"
#include "config/command_layer.hpp"
#include "config/sources.hpp"
#include "documents.hpp"
#include "support.hpp"
#include "userdata/documents.hpp"

using namespace eks;
using test::base64;
using test::cluster_document;
using test::gzip;
using test::node_config;
using test::refusal;
using test::TemporaryDirectory;
using Texts = std::vector<std::string>;

namespace {

void validated(const Resolved& resolved)
{
        std::vector<Note> notes;
        validate(resolved, nullptr, notes);
}

Resolved sources(const Texts& names)
{
        return resolve_sources(Root(), names);
}
Layer loaded(const std::string& path)
{
        return sources({path}).layers.front();
}

constexpr auto admin_cluster = "[cluster]\n"
                               "name = 'my-cluster'\n"
                               "apiServerEndpoint = 'https://example.com'\n"
                               "certificateAuthority = 'Y2VydGlmaWNhdGVBdXRob3JpdHk='\n"
                               "cidr = '10.100.0.0/16'\n";

} // namespace

TEST_CASE("Each key names the layer that won and those it overrides, without values", "[sources]")
{
        const TemporaryDirectory node;
        node.write("/etc/eks/node.toml", std::string(admin_cluster) + "[kubelet.config]\nmaxPods = 20\n");
        node.write("/etc/eks/node.d/50-site.toml", "[kubelet.config]\nmaxPods = 21\n");

        const auto lines = winning_layers(resolve_node_layers(node.root()));
        CHECK(std::ranges::count(lines,
                      "kubelet.config.maxPods is from /etc/eks/node.d/50-site.toml, line 2, "
                      "column 1, which overrides /etc/eks/node.toml, line 7, column 1") == 1);
        CHECK(std::ranges::count(lines, "cluster.name is from /etc/eks/node.toml, line 2, column 1") == 1);
        CHECK(std::ranges::none_of(lines, [](const std::string& line) {
                return line.starts_with("kubelet is ") || line.find("my-cluster") != line.npos;
        }));
}

TEST_CASE("A node's layers are the admin's file and then the user data", "[sources]")
{
        const TemporaryDirectory node;
        const auto root = node.root();
        const auto none = resolve_node_layers(root);
        CHECK(none.merged.tree == Json::object());
        CHECK(none.tried == Texts{"/etc/eks/node.toml (absent)", "user data (the instance has none)"});

        node.write(user_data_path, "\n \n");
        CHECK(resolve_node_layers(root).tried == Texts{"/etc/eks/node.toml (absent)", "user data: empty"});

        node.write("/etc/eks/node.toml", admin_cluster);
        const auto admin = resolve_node_layers(root);
        CHECK(admin.tried == Texts{"/etc/eks/node.toml", "user data: empty"});
        CHECK(admin.merged.tree["cluster"]["name"] == "my-cluster");
        CHECK(admin.merged.marks.at("cluster.name").text() == "/etc/eks/node.toml, line 2, column 1");

        node.write(user_data_path, node_config("  cluster:\n    name: other\n"));
        const auto both = resolve_node_layers(root);
        CHECK(both.tried == Texts{"/etc/eks/node.toml", "user data: NodeConfig"});
        CHECK(both.merged.tree["cluster"]["name"] == "other");
        CHECK(both.merged.tree["cluster"]["cidr"] == "10.100.0.0/16");
        CHECK(both.merged.marks.at("cluster.name").text() == "user data, line 5, column 5");
        CHECK(both.merged.marks.at("cluster.cidr").text() == "/etc/eks/node.toml, line 5, column 1");
        CHECK(refusal([&] { validated(both); }).failure == "nothing");
}

TEST_CASE("Two clusters in the layers of a node are named with the one that counts", "[sources]")
{
        const TemporaryDirectory node;
        const auto notes = [&] {
                Texts texts;
                for (const auto& note : resolve_node_layers(node.root()).merged.notes)
                        texts.push_back(note.text);
                return texts;
        };

        node.write("/etc/eks/node.toml", admin_cluster);
        node.write(user_data_path, node_config("  cluster:\n    name: my-cluster\n"));
        CHECK(notes().empty());

        node.write(user_data_path, node_config("  cluster:\n    name: ''\n"));
        CHECK(notes().empty());

        node.write(user_data_path, node_config("  cluster:\n    name: other\n    cidr: 10.96.0.0/16\n"));
        CHECK(notes() ==
                Texts{"/etc/eks/node.toml, line 2, column 1: cluster.name = \"my-cluster\": user data, line 5, "
                      "column 5 names the cluster \"other\", which counts, but cluster.apiServerEndpoint, "
                      "cluster.certificateAuthority are still from here, proceeding"});

        node.write("/etc/eks/node.toml", "");
        const std::string part = "--B\nContent-Type: application/node.eks.aws\n\n";
        node.write(user_data_path, "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n" +
                                           part + node_config("  cluster:\n    name: one\n") + "\n" + part +
                                           node_config("  cluster:\n    name: two\n") + "\n--B--\n");
        const auto both = notes();
        REQUIRE(both.size() == 1);
        CHECK(both[0].find("part 1") != std::string::npos);
        CHECK(both[0].find("part 2") != std::string::npos);
        CHECK(both[0].find("names the cluster \"two\", which counts, proceeding") != std::string::npos);
}

TEST_CASE("A configuration that is a directory or a link to nothing is named, and the boot goes on",
        "[sources]")
{
        const TemporaryDirectory node;
        node.write("/etc/eks/node.toml/x", "");
        node.link("/etc/eks/node.d/10-y.toml", "gone");
        node.write("/etc/eks/nodeadm.d/z.yaml/x", "");
        node.link("/etc/eks/profiles", "gone");
        node.write(user_data_path, node_config("  cluster:\n    name: mine\n"));
        const auto resolved = resolve_node_layers(node.root());
        CHECK(resolved.merged.tree["cluster"]["name"] == "mine");

        Texts texts;
        for (const auto& note : resolved.merged.notes)
                texts.push_back(note.text.substr(0, note.text.find("' is ") + 1));
        CHECK(texts == Texts{"'/etc/eks/node.d/10-y.toml'", "'/etc/eks/node.toml'",
                               "'/etc/eks/nodeadm.d/z.yaml'", "'/etc/eks/profiles'"});
}

TEST_CASE(
        "User data that is no configuration is cloud-init's if another layer names the cluster", "[sources]")
{
        struct Row {
                std::string user_data;
                std::string what;
                std::string remedy;
        };
        const std::string mark = "\xef\xbb\xbf";
        const auto named = cluster_document("c");
        const std::vector<Row> rows{
                {"hello\n", "line 1, column 1: plain text", "Give a NodeConfig"},
                {"hello: [\n", "line 1, column 1: plain text", "Give a NodeConfig"},
                {"# only a comment\n", "line 1, column 1: plain text", "Give a NodeConfig"},
                {"# mine\nA=1\nB=\"x y\"\n", "line 1, column 1: lines of KEY=VALUE", "Give a NodeConfig"},
                {"a: 1\n", "line 1, column 1: YAML without apiVersion, kind and spec", "Give a NodeConfig"},
                {"{\"a\": 1}", "line 1, column 1: JSON without apiVersion, kind and spec",
                        "Give a NodeConfig"},
                {R"({"cluster": "a", "role": "b"})",
                        "line 1, column 1: JSON without apiVersion, kind and spec", "Give a NodeConfig"},
                {R"({"systemd.credentials": [{"name": "a", "text": "b"}]})",
                        "line 1, column 1: settings of systemd", "Give a NodeConfig"},
                {"a\xff", "line 1, column 2: byte 0xff is not UTF-8", "Correct the document"},
                {"\n  #!/bin/bash\necho NodeConfig\n",
                        "line 2, column 1: a script that the kernel cannot run",
                        "Remove what is before '#!'"},
                {"# mine\n#!/bin/bash\n", "line 2, column 1: a script", "Remove what is before '#!'"},
                {mark + "#!/bin/bash\n", "line 1, column 1: a script",
                        "Save it as UTF-8 without a byte order mark"},
                {std::string("\xff\xfe#\0!\0", 6), "line 1, column 1: a script", "Save it as UTF-8"},
                {mark + "#cloud-config\n", "line 1, column 1: a format of cloud-init", "Save it as UTF-8"},
                {"[settings.kubernetes]\n\"cluster-name\" = \"c\"\n", "settings of Bottlerocket",
                        "Give a NodeConfig with the same cluster"},
                {"[cluster]\nname = 'c'\n", "TOML, which user data may only hold as a MIME part",
                        "Write a MIME multipart document"},
                {"[cluster]\nname = \n", "TOML, which user data may only hold as a MIME part",
                        "Write a MIME multipart document"},
                {base64(base64(named)), "base64 in base64", "Encode the document once"},
                {base64(base64(gzip(named))), "base64 in base64", "Encode the document once"},
                {gzip(named).substr(0, 30), "gzip data: cut short after 30 bytes", "Compress the document"},
                {base64(gzip(named).substr(0, 30)), "gzip data: cut short after 30 bytes",
                        "Compress the document"},
                {gzip(named) + "\n", "gzip data: 1 bytes after its end", "Compress the document"},
                {gzip(std::string(2U << 20U, ' ')), "gzip data: more than 1048576 bytes after",
                        "Compress the document"},
        };
        for (const auto& row : rows) {
                CAPTURE(row.user_data);
                const TemporaryDirectory node;
                node.write(user_data_path, row.user_data);
                const auto alone = refusal([&] { resolve_node_layers(node.root()); });
                CHECK(alone.failure == "config-syntax");
                const auto place = row.what.starts_with("line ") ? "user data, " : "user data: ";
                CHECK(alone.mentions(place + row.what));
                CHECK(alone.remedy.find(row.remedy) == 0);

                node.write("/etc/eks/node.toml", admin_cluster);
                const auto resolved = resolve_node_layers(node.root());
                CHECK(resolved.merged.tree["cluster"]["name"] == "my-cluster");
                CHECK(resolved.tried.back() == "user data: no configuration");
                REQUIRE(resolved.merged.notes.size() == 1);
                CHECK(resolved.merged.notes[0].strict);
                CHECK_THAT(resolved.merged.notes[0].text,
                        Catch::StartsWith(place + row.what) &&
                                Catch::EndsWith("left to cloud-init, proceeding"));

                const auto given =
                        sources({node("/etc/eks/node.toml"), "user-data:" + node(user_data_path)});
                CHECK(given.layers.size() == 1);
                CHECK(given.merged.notes.size() == 1);
        }
        for (const std::string text : {"apiVersion: node.eks.aws/v2\nkind: NodeConfig\n", "kind: Pod\n",
                     "spec: {}\n", "Spec:\n- a: [\n", "cluster: {name: c}\n",
                     "MIME-Version: 1.0\nContent-Type: application/node.eks.aws\n\n---\na: 1\n"}) {
                CAPTURE(text);
                const TemporaryDirectory node;
                node.write(user_data_path, text);
                node.write("/etc/eks/node.toml", admin_cluster);
                CHECK(refusal([&] { resolve_node_layers(node.root()); }).failure != "nothing");
        }
}

TEST_CASE("What commands were called with counts on their instance only, above the user data", "[sources]")
{
        const TemporaryDirectory node;
        const auto root = node.root();
        const auto layer = [&](const std::string& name, const std::string& instance) {
                write_command_layer(
                        root, {"bootstrap", instance,
                                      {{"cluster", {{"name", name}}}, {"kubelet", {{"flags", {"--v=4"}}}}}});
        };
        const auto name = [&] { return resolve_node_layers(root).merged.tree["cluster"]["name"]; };
        const auto notice = [&] {
                const auto notes = resolve_node_layers(root).merged.notes;
                return notes.empty() ? std::string() : notes.front().text;
        };
        node.write(imds_path, R"({"instanceId": "i-1"})");
        node.write(user_data_path, node_config("  cluster:\n    name: other\n"));

        layer("called", "i-1");
        const auto resolved = resolve_node_layers(root);
        CHECK(resolved.merged.tree["cluster"]["name"] == "called");
        CHECK(resolved.merged.tree["kubelet"]["flags"] == Json{"--v=4"});
        CHECK(resolved.merged.marks.at("cluster.name").text() ==
                "/var/lib/eks/commands.d/bootstrap.toml, line 4, column 1");
        CHECK(resolved.tried.back() == "/var/lib/eks/commands.d/bootstrap.toml");
        CHECK(notice().find("names the cluster \"called\", which counts") != std::string::npos);
        CHECK(node.mode("/var/lib/eks/commands.d/bootstrap.toml") == 0600);
        CHECK(node.names(command_layers) == Texts{"bootstrap.toml"});

        // The last one counts, and those of several commands are merged.
        layer("again", "i-1");
        CHECK(name() == "again");
        write_command_layer(root, {"nodeadm", "i-1", {{"cluster", {{"name", "by-nodeadm"}}}}});
        CHECK(name() == "by-nodeadm");
        const auto text = node.read("/var/lib/eks/commands.d/nodeadm.toml");
        CHECK(text.starts_with("# instance: i-1, call 2\n"));
        write_command_layer(root, {"nodeadm", "i-1", {{"cluster", {{"name", "by-nodeadm"}}}}});
        CHECK(node.read("/var/lib/eks/commands.d/nodeadm.toml") == text);
        layer("later", "i-1");
        CHECK(name() == "later");
        write_command_layer(root, {"nodeadm", "i-1", {{"cluster", {{"name", "by-nodeadm"}}}}});
        CHECK(name() == "by-nodeadm");
        layer("again", "i-1");
        node.write("/var/lib/eks/commands.d/nodeadm.toml", "");
        CHECK(name() == "again");

        // The kernel command line wins over it.
        node.write("/proc/cmdline", "eks.cluster.name=kernel");
        CHECK(name() == "kernel");
        node.write("/proc/cmdline", "");

        layer("called", "i-2");
        CHECK(name() == "other");
        CHECK(notice() ==
                "'/var/lib/eks/commands.d/bootstrap.toml' is of instance 'i-2', and this is 'i-1', ignoring");
        node.write("/var/lib/eks/commands.d/bootstrap.toml", "[cluster]\nname = 'by-hand'\n");
        CHECK(name() == "other");
        CHECK(notice() ==
                "'/var/lib/eks/commands.d/bootstrap.toml' is of no instance, and this is 'i-1', ignoring");
        layer("called", "i-1");
        node.write(imds_path, "[");
        CHECK(name() == "other");
        CHECK(notice() ==
                "'/var/lib/eks/commands.d/bootstrap.toml' is of instance 'i-1', and this is an unknown one, ignoring");
}

TEST_CASE("A bad layer is refused, not passed over", "[sources]")
{
        const TemporaryDirectory node;
        node.write(user_data_path, node_config(test::reference_cluster));
        node.write("/etc/eks/node.toml", "[cluster\n");
        const auto syntax = refusal([&] { resolve_node_layers(node.root()); });
        CHECK(syntax.failure == "config-syntax");
        CHECK(syntax.mentions("/etc/eks/node.toml, line 1, column "));

        node.write("/etc/eks/node.toml", "[clutser]\n");
        CHECK(refusal([&] { validated(resolve_node_layers(node.root())); }).failure == "config-invalid");

        node.write("/etc/eks/node.toml", "");
        CHECK(refusal([&] { resolve_node_layers(node.root()); }).failure == "nothing");

        node.write(user_data_path, "#!/bin/bash\necho hello\n");
        const auto script = resolve_node_layers(node.root());
        CHECK(script.has_scripts);
        CHECK(script.merged.tree == Json::object());

        node.write(user_data_path, std::string(config_limit + 1, ' '));
        CHECK(refusal([&] { resolve_node_layers(node.root()); }).failure == "file-io");
}

TEST_CASE("A configuration file is read by its name", "[sources]")
{
        const TemporaryDirectory node;
        node.write("/a.toml", "[cluster]\nname = 'toml'\n");
        node.write("/a.yaml", node_config("  cluster: {name: yaml}\n"));
        node.write("/a.yml", node_config("  cluster: {name: yml}\n"));
        node.write("/a.json",
                R"({"apiVersion":"node.eks.aws/v1alpha1","kind":"NodeConfig","spec":{"cluster":{"name":"json"}}})");
        for (const auto* name : {"toml", "yaml", "yml", "json"}) {
                const auto path = node(std::string("/a.") + name);
                const auto layer = loaded(path);
                CHECK(layer.tree["cluster"]["name"] == name);
                CHECK(layer.source == path);
        }
        node.write("/a.conf", "x");
        const auto unknown = refusal([&] { loaded(node("/a.conf")); });
        CHECK(unknown.failure == "usage");
        CHECK(unknown.mentions("'" + node("/a.conf") + "' is neither *.toml nor"));
        CHECK(refusal([&] { loaded(node("/absent.toml")); }).failure == "file-io");
}

TEST_CASE("Sources are merged in the order given; a directory in the order of names", "[sources]")
{
        const TemporaryDirectory node;
        node.write("/d/20-b.yaml", node_config("  cluster: {name: b}\n  kubelet: {flags: [--b]}\n"));
        node.write(
                "/d/10-a.toml", "[cluster]\nname = 'a'\ncidr = '10.0.0.0/8'\n[kubelet]\nflags = ['--a']\n");
        node.write("/d/30-c.json.bak", "not read");
        node.write("/d/README", "not read");
        node.write("/user-data", node_config("  kubelet: {flags: [--u]}\n"));

        const auto directory = sources({node("/d")});
        CHECK(directory.tried == Texts{node("/d/10-a.toml"), node("/d/20-b.yaml")});
        CHECK(directory.merged.tree["cluster"] == Json{{"name", "b"}, {"cidr", "10.0.0.0/8"}});

        const auto all = sources({"user-data:" + node("/user-data"), node("/d"), node("/d/10-a.toml")});
        CHECK(all.merged.tree["kubelet"]["flags"] == Json{"--u", "--a", "--b", "--a"});
        CHECK(all.merged.tree["cluster"]["name"] == "a");
        CHECK(all.tried.front().find(node("/user-data")) != std::string::npos);

        CHECK(refusal([&] { sources({node("/absent.yaml")}); }).failure == "file-io");
        CHECK(refusal([&] { sources({"user-data:" + node("/absent")}); }).failure == "file-io");
        CHECK(refusal([&] { sources({node("/d/README")}); }).failure == "usage");
}

TEST_CASE("A source that holds nothing is named all the same", "[sources]")
{
        const TemporaryDirectory node;
        node.write("/empty/README", "");
        const auto result = refusal([&] { validated(sources({node("/empty")})); });
        CHECK(result.failure == "config-missing");
}

TEST_CASE("A directory without configuration is among what was tried", "[sources]")
{
        const TemporaryDirectory node;
        node.write("/d/README", "not read");
        const auto resolved = sources({node("/d")});
        CHECK(resolved.tried == Texts{node("/d") + " (no configuration in this directory)"});
        CHECK(refusal([&] { validated(resolved); }).mentions(resolved.tried.front()));
}

TEST_CASE("Keys with dots come on the kernel command line as JSON of the map around them", "[sources]")
{
        const TemporaryDirectory node;
        node.write("/proc/cmdline",
                R"(quiet eks.kubelet.config.evictionHard='{"memory.available": "200Mi"}' ro)"
                "\n");
        CHECK(resolve_node_layers(node.root()).merged.tree["kubelet"]["config"] ==
                Json{{"evictionHard", {{"memory.available", "200Mi"}}}});
}
