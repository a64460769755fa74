// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "checks/described_cluster.hpp"
#include "checks/find_problems.hpp"
#include "config/command_layer.hpp"
#include "config/known_keys.hpp"
#include "config/sources.hpp"
#include "documents.hpp"
#include "support.hpp"

using namespace eks;
using test::node_config;
using test::Refusal;
using test::refusal;
using test::TemporaryDirectory;
using Texts = std::vector<std::string>;

namespace {

void validated(const Resolved& resolved)
{
        std::vector<Note> notes;
        validate(resolved, nullptr, notes);
}

constexpr auto admin_cluster = "[cluster]\n"
                               "name = 'my-cluster'\n"
                               "apiServerEndpoint = 'https://example.com'\n"
                               "certificateAuthority = 'Y2VydGlmaWNhdGVBdXRob3JpdHk='\n"
                               "cidr = '10.100.0.0/16'\n";

// How a node with this user data is refused.
Refusal refused(const std::string& spec)
{
        TemporaryDirectory node;
        node.write(user_data_path, node_config(spec));
        return refusal([&] { validated(resolve_node_layers(node.root())); });
}

// The reference cluster with one line another, or left out.
std::string cluster_with(const std::string& key, const std::string& line)
{
        auto spec = test::reference_cluster;
        const auto begin = spec.find("    " + key + ":");
        spec.replace(begin, spec.find('\n', begin) + 1 - begin, line.empty() ? "" : "    " + line + "\n");
        return spec;
}

} // namespace

TEST_CASE("No configuration at all is one message that names every source", "[validate]")
{
        TemporaryDirectory node;
        const auto result = refusal([&] { validated(resolve_node_layers(node.root())); });
        CHECK(result.failure == "config-missing");
        CHECK(result.mentions("/etc/eks/node.toml (absent), user data (the instance has none)"));
        CHECK(result.advises("NodeConfig"));
        CHECK(result.advises("/etc/eks/node.toml"));
        CHECK(refused("  kubelet: {flags: [--v=2]}\n").mentions("no cluster"));
}

TEST_CASE("A cluster without a name is refused", "[validate]")
{
        const auto line = GENERATE("", "name:", "name: ''");
        CAPTURE(line);
        const auto result = refused(cluster_with("name", line));
        CHECK(result.failure == "config-invalid");
        CHECK(result.what.starts_with("user data, line ")); // of another key of the cluster
        CHECK(result.what.ends_with(", column 5: cluster.name: missing"));
        CHECK(result.advises("cluster.name"));
}

TEST_CASE("EKS is asked for what a cluster with a name lacks", "[validate]")
{
        const auto notes_of = [](const std::string& spec) {
                const TemporaryDirectory node;
                node.write(user_data_path, node_config(spec));
                std::vector<Note> notes;
                validate(resolve_node_layers(node.root()), nullptr, notes);
                return notes;
        };

        for (const std::string key : {"apiServerEndpoint", "certificateAuthority", "cidr"})
                for (const auto& line : {std::string(), key + ":", key + ": ''"}) {
                        CAPTURE(key, line);
                        const auto notes = notes_of(cluster_with(key, line));
                        REQUIRE(notes.size() == 1);
                        CHECK(notes[0].level == Level::info);
                        CHECK(notes[0].text ==
                                "cluster." + key +
                                        " is not configured: on the node, eks-cluster asks EKS "
                                        "about the cluster 'my-cluster'");
                }

        const auto all = notes_of("  cluster: {name: a}\n");
        REQUIRE(all.size() == 1);
        CHECK(all[0].text == "cluster.apiServerEndpoint, cluster.certificateAuthority, cluster.cidr are not "
                             "configured: on the node, eks-cluster asks EKS about the cluster 'a'");
        CHECK(notes_of(test::reference_cluster).empty());

        // The address of the DNS service stands for the range.
        CHECK(notes_of(cluster_with("cidr", "") + "  kubelet: {config: {clusterDNS: [10.1.0.10]}}\n")
                        .empty());
}

TEST_CASE("The keys to ask EKS for", "[validate]")
{
        const auto keys = [](const char* cluster) { return keys_to_ask_for(Json::parse(cluster)); };
        CHECK(keys(R"({})").empty());
        CHECK(keys(R"({"cluster": {"apiServerEndpoint": "https://a"}})").empty());
        CHECK(keys(R"({"cluster": {"name": "a"}})").size() == 3);
        CHECK(keys(R"({"cluster": {"name": "a", "certificateAuthority": "x", "cidr": ""}})") ==
                Texts{"cluster.apiServerEndpoint", "cluster.cidr"});
        CHECK(keys(
                R"({"cluster": {"name": "a", "apiServerEndpoint": "b", "certificateAuthority": "c", "cidr": "d"}})")
                        .empty());
}

TEST_CASE("Bad values are refused with source, line, key, value and remedy", "[validate]")
{
        struct Row {
                std::string key;
                std::string line;
                std::string what;
                std::string remedy;
        };
        const std::string endpoint_remedy = "https://…";
        const std::string cidr_remedy = "10.100.0.0/16";
        const std::string name_remedy = "at most 100";
        const std::vector<Row> rows{
                {"apiServerEndpoint", "apiServerEndpoint: ftp://example.com",
                        "user data, line 6, column 5: cluster.apiServerEndpoint = \"ftp://example.com\"",
                        endpoint_remedy},
                {"apiServerEndpoint", "apiServerEndpoint: example.com/api",
                        "user data, line 6, column 5: cluster.apiServerEndpoint = \"example.com/api\"",
                        endpoint_remedy},
                {"apiServerEndpoint", R"(apiServerEndpoint: "https://a\nb")",
                        R"(user data, line 6, column 5: cluster.apiServerEndpoint = "https://a\nb")",
                        endpoint_remedy},
                {"cidr", "cidr: banana", "user data, line 8, column 5: cluster.cidr = \"banana\"",
                        cidr_remedy},
                {"cidr", "cidr: 10.100.0.0", "user data, line 8, column 5: cluster.cidr = \"10.100.0.0\"",
                        cidr_remedy},
                {"cidr", "cidr: 10.100.0.0/64",
                        "user data, line 8, column 5: cluster.cidr = \"10.100.0.0/64\"", cidr_remedy},
                {"name", "name: my cluster", "user data, line 5, column 5: cluster.name = \"my cluster\"",
                        name_remedy},
                {"name", "name: -x", "user data, line 5, column 5: cluster.name = \"-x\"", name_remedy},
                {"name", "name: grün", R"(user data, line 5, column 5: cluster.name = "gr\u00fcn")",
                        name_remedy},
                {"name", "name: '$(reboot)'", "user data, line 5, column 5: cluster.name = \"$(reboot)\"",
                        name_remedy},
        };
        for (const auto& row : rows) {
                CAPTURE(row.line);
                const auto result = refused(cluster_with(row.key, row.line));
                CHECK(result.failure == "config-invalid");
                CHECK(result.mentions(row.what));
                CHECK(result.advises(row.remedy));
        }
}

TEST_CASE("Names of clusters may be what EKS allows", "[validate]")
{
        for (const auto& name : Texts{"a", "A1", "my-cluster_2", "'0'", std::string(100, 'x')}) {
                CAPTURE(name);
                CHECK(refused(cluster_with("name", "name: " + name)).failure == "nothing");
        }
        CHECK(refused(cluster_with("name", "name: " + std::string(101, 'x'))).failure == "config-invalid");
        CHECK(refused(cluster_with("name", "name: _a")).failure == "config-invalid");
}

TEST_CASE("Invalid flags are refused one by one", "[validate]")
{
        const auto flags = [](const std::string& list) {
                return refused(test::reference_cluster + "  kubelet:\n    flags:\n" + list);
        };

        CHECK(flags("    - --v=2\n    - -v=2\n    - ' --node-labels=a=b'\n").failure == "nothing");

        const auto word = flags("    - --v=2\n    - node-labels=a=b\n");
        CHECK(word.failure == "config-invalid");
        CHECK(word.mentions("user data, line 12, column 7: kubelet.flags[1] = \"node-labels=a=b\""));
        CHECK(word.advises("--name=value"));
        CHECK(flags("    - \"--v=2\\n--x\"\n").failure == "nothing");
        CHECK(flags("    - \"--v=\\e[1m\"\n").failure == "config-invalid");
        CHECK(flags("    - \"--v=\\0\"\n").failure == "config-invalid");
}

TEST_CASE("A bad flag of a later layer is found with its place", "[validate]")
{
        const TemporaryDirectory node;
        node.write("/etc/eks/node.toml",
                std::string(admin_cluster) + "[kubelet]\nflags = ['--a=1', '--b=1']\n");
        node.write(user_data_path, node_config("  kubelet:\n    flags:\n    - wrong\n"));
        CHECK(refusal([&] {
                validated(resolve_node_layers(node.root()));
        }).mentions("user data, line 6, column 7: kubelet.flags[2]"));

        node.write("/etc/eks/node.toml", std::string(admin_cluster) + "[kubelet]\nflags = ['wrong']\n");
        node.write(user_data_path, node_config("  kubelet:\n    flags:\n    - --a\n"));
        CHECK(refusal([&] {
                validated(resolve_node_layers(node.root()));
        }).mentions("/etc/eks/node.toml, line 7, column 10: kubelet.flags[0]"));
}

TEST_CASE("A local cluster on an Outpost needs its id", "[validate]")
{
        const auto result = refused(test::reference_cluster + "    enableOutpost: true\n");
        CHECK(result.failure == "config-invalid");
        CHECK(result.mentions("user data, line 9, column 5: cluster.enableOutpost"));
        CHECK(result.mentions("cluster.id"));
        CHECK(refused(test::reference_cluster + "    enableOutpost: true\n    id: 1b2c-3\n").failure ==
                "nothing");
        CHECK(refused(test::reference_cluster + "    enableOutpost: true\n    id: a/b\n")
                        .mentions("cluster.id = \"a/b\": not an id of an EKS cluster"));
        CHECK(refused(test::reference_cluster + "    enableOutpost: false\n").failure == "nothing");
        CHECK(refused("  cluster: {name: a, enableOutpost: true}\n").failure == "nothing"); // EKS is asked
}

TEST_CASE("Several bad values make one message with each remedy once", "[validate]")
{
        const auto result = refused("  cluster:\n    name: a b\n    apiServerEndpoint: x/y\n    "
                                    "certificateAuthority: eA==\n    cidr: no-range\n"
                                    "  kubelet: {flags: [a, --v=2, b]}\n");
        CHECK(result.failure == "config-invalid");
        for (const auto* part : {R"(cluster.name = "a b")", R"(cluster.apiServerEndpoint = "x/y")",
                     R"(cluster.cidr = "no-range")", "kubelet.flags[0]: not a flag"})
                CHECK(result.mentions(part));
        CHECK_FALSE(has_control_characters(result.what));
}

TEST_CASE("A key of a wrong type is not called missing as well", "[validate]")
{
        const auto one = refused(cluster_with("name", "name: 5"));
        CHECK(one.mentions("user data, line 5, column 5: spec.cluster.name = 5"));
        const auto all = refused("  cluster: text\n");
        CHECK(all.mentions("user data, line 4, column 3: spec.cluster = \"text\""));
}

TEST_CASE("A call of bootstrap.sh without a range goes by the VPC of the primary interface", "[validate]")
{
        const Json cluster{{"name", "my-cluster"}, {"apiServerEndpoint", "https://example.com"},
                {"certificateAuthority", "Y2VydA=="}};
        const auto resolved_with = [](const TemporaryDirectory& node, const Json& tree, const Json& imds) {
                node.write(imds_path, R"({"instanceId": "i-1"})");
                write_command_layer(node.root(), {"bootstrap", "i-1", tree});
                auto resolved = resolve_node_layers(node.root());
                add_bootstrap_dns(resolved, imds);
                return resolved;
        };
        const auto dns = [&](const Json& more, const Json& imds) {
                const TemporaryDirectory node;
                Json tree{{"cluster", cluster}};
                tree.merge_patch(more);
                const auto resolved = resolved_with(node, tree, imds);
                std::vector<Note> notes;
                validate(resolved, imds, notes);
                const auto* found = find_path(resolved.merged.tree, "kubelet.config.clusterDNS");
                return found != nullptr ? *found : Json();
        };
        const auto facts = [](const Json& first, const Json& second = Json::array()) {
                return Json{{"mac", "02:01"},
                        {"interfaces", {{{"mac", "02:02"}, {"vpcIpv4Cidrs", second}},
                                               {{"mac", "02:01"}, {"vpcIpv4Cidrs", first}}}}};
        };
        CHECK(dns(Json::object(), facts({"192.168.0.0/16", "10.0.0.0/16"})) == Json{"172.20.0.10"});
        CHECK(dns(Json::object(), facts({"192.168.0.0/16"}, {"10.0.0.0/16"})) == Json{"10.100.0.10"});
        CHECK(dns(Json::object(), facts({"100.64.0.0/16"})) == Json{"10.100.0.10"});
        CHECK(dns({{"kubelet", {{"config", {{"clusterDNS", {"10.1.0.10"}}}}}}}, facts({"10.0.0.0/16"})) ==
                Json{"10.1.0.10"});
        CHECK(dns({{"cluster", {{"cidr", "10.1.0.0/16"}}}}, facts({"10.0.0.0/16"})) == nullptr);
        CHECK(dns(Json::object(), nullptr) == nullptr); // on a laptop; eks-config has the facts
        CHECK(dns(Json::object(), {{"interfaces", 5}, {"mac", "02:01"}}) == Json{"10.100.0.10"});

        const TemporaryDirectory named;
        // DescribeCluster will tell.
        const auto name_only =
                resolved_with(named, {{"cluster", {{"name", "my-cluster"}}}}, facts({"10.0.0.0/16"}));
        CHECK(find_path(name_only.merged.tree, "kubelet.config.clusterDNS") == nullptr);

        const TemporaryDirectory node;
        node.write(user_data_path, node_config(cluster_with("cidr", "")));
        auto document = resolve_node_layers(node.root());
        add_bootstrap_dns(document, facts({"10.0.0.0/16"}));
        CHECK(find_path(document.merged.tree, "kubelet.config.clusterDNS") == nullptr);
}
