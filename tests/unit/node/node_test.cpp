// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <catch2/catch.hpp>

#include "fixture.hpp"

using namespace eks;
using test::refusal;

namespace {

const Json imds = Json::parse(R"({
        "instanceId": "i-1", "instanceType": "m4.xlarge", "region": "us-west-2", "availabilityZone": "us-west-2f",
        "localHostname": "ip-1.internal", "mac": "0e:01", "localIpv4": "10.0.0.1", "tags": {"team": "a"},
        "interfaces": [{"mac": "0e:02", "deviceNumber": 1, "ipv6s": ["fd00::2"]},
                       {"mac": "0e:01", "deviceNumber": 0, "ipv6s": ["fd00::1", "fd00::3"]}]})");

} // namespace

TEST_CASE("Facts are read from imds.json, those that are absent stay empty", "[node]")
{
        const auto facts = instance_facts(imds);
        CHECK(facts.instance_id == "i-1");
        CHECK(facts.instance_type == "m4.xlarge");
        CHECK(facts.region == "us-west-2");
        CHECK(facts.availability_zone == "us-west-2f");
        CHECK(facts.local_hostname == "ip-1.internal");
        CHECK(facts.local_ipv4 == "10.0.0.1");
        CHECK(facts.ipv6s == std::vector<std::string>{"fd00::1", "fd00::3"}); // of the primary interface

        const auto none = instance_facts(Json::object());
        CHECK(none.instance_id.empty());
        CHECK(none.ipv6s.empty());
}

TEST_CASE("A fact that is needed and absent is an error that names it", "[node]")
{
        CHECK(require("m5.large", "instanceType") == "m5.large");
        const auto result = refusal([] { require("", "instanceType"); });
        CHECK(result.failure == "facts-missing");
        CHECK(result.mentions("instanceType"));
        CHECK(result.remedy.find("/run/eks/imds.json") != std::string::npos);
        CHECK(result.remedy.find("eksnode apply --fetch") != std::string::npos);
}

TEST_CASE("An unchecked configuration is not a NodeSpec", "[node]")
{
        const auto spec = Json::parse(R"({"cluster": {"name": "a"}})");
        CHECK_NOTHROW(node_spec(spec, {}));
        const auto row = GENERATE(values<std::pair<const char*, const char*>>(
                {{"/registry", R"({"mirrors": {"docker.io": {}}})"},
                        {"/containerd", R"({"volume": {"device": "x"}})"},
                        {"/sysctl", R"({"vm": {"overcommit_memory": 0}})"}}));
        auto wrong = spec;
        wrong[Json::json_pointer(row.first)] = Json::parse(row.second);
        const auto result = refusal([&] { node_spec(wrong, {{"cluster.name", {"a.toml", 1, 1}}}); });
        CHECK(result.failure == "config-invalid");
}

TEST_CASE("The configuration becomes a NodeSpec", "[node]")
{
        const test::ReferenceNode node;
        const auto spec =
                node.inputs("  kubelet:\n    flags: [--v=5]\n    config: {maxPods: 20}\n  featureGates: "
                            "{InstanceIdNodeName: true}\n"
                            "  containerd:\n    config: version = 2\n    baseRuntimeSpec: {a: 1}\n")
                        .spec;
        CHECK(spec.cluster.name == "my-cluster");
        CHECK(spec.cluster.endpoint == "https://example.com");
        CHECK(spec.cluster.certificate_authority.text == "Y2VydGlmaWNhdGVBdXRob3JpdHk=");
        CHECK(spec.cluster.certificate_authority.source == "user data, line 7, column 5");
        CHECK(spec.cluster.service_cidr->text() == "10.100.0.0/16");
        CHECK(spec.kubelet.config == Json{{"maxPods", 20}});
        CHECK(spec.kubelet.flags.arguments == std::vector<std::string>{"--v=5"});
        REQUIRE(spec.containerd.configs.size() == 1);
        CHECK(spec.containerd.configs[0].text == "version = 2");
        CHECK(spec.containerd.configs[0].source == "user data, line 14, column 5");
        CHECK(spec.containerd.base_runtime_spec == Json{{"a", 1}});
        CHECK(spec.registration.instance_id_node_name);

        CHECK(node.inputs("  kubelet: {flags: []}\n").spec.kubelet.flags.arguments.empty());

        const auto plain = node.inputs().spec;
        CHECK(plain.kubelet.config == Json::object());
        CHECK(plain.kubelet.flags.arguments.empty());
        CHECK(plain.containerd.configs.empty());
        CHECK(plain.containerd.base_runtime_spec == Json::object());
        CHECK_FALSE(plain.registration.instance_id_node_name);
        CHECK_FALSE(node.inputs("  featureGates: {InstanceIdNodeName: false, Other: true}\n")
                            .spec.registration.instance_id_node_name);
}

TEST_CASE("node.json carries everything that later steps need, and back", "[node]")
{
        const test::ReferenceNode node;
        const auto merged = test::merged_layers(
                {test::reference_cluster, "  kubelet: {flags: [--v=5], config: {a: null}}\n"
                                          "  containerd: {config: '[grpc]'}\n"});
        const auto text = render_node_json(merged, {.kubelet = {1, 34, 2}, .containerd = {1, 6, 20}});
        CHECK(text == render_node_json(merged, {.kubelet = {1, 34, 2}, .containerd = {1, 6, 20}}));

        node.write(node_path, text);
        node.write(imds_path, imds.dump());
        const auto inputs = load_node_inputs(node.root());
        CHECK(inputs.spec.cluster.name == "my-cluster");
        CHECK(inputs.spec.cluster.certificate_authority.source == "user data, line 7, column 5");
        CHECK(inputs.spec.kubelet.flags.arguments == std::vector<std::string>{"--v=5"});
        CHECK(inputs.spec.kubelet.config == Json{{"a", nullptr}});
        REQUIRE(inputs.spec.containerd.configs.size() == 1);
        CHECK(inputs.spec.containerd.configs[0].text == "[grpc]");
        CHECK(inputs.versions.kubelet == Version{1, 34, 2});
        CHECK(inputs.versions.containerd == Version{1, 6, 20});
        CHECK(inputs.facts.instance_id == "i-1");
        CHECK(inputs.root.prefix() == node.path());
        CHECK(inputs.credential_provider == credential_provider_path());
        CHECK(inputs.decided.spared_image.empty());

        node.write(node_path,
                render_node_json(merged, {.kubelet = {1, 34, 2}, .containerd = {1, 6, 20}},
                        {.soci = true, .sandbox_image = "ecr/p:1", .spared_image = "localhost/p:1"}));
        const auto decided = load_node_inputs(node.root()).decided;
        CHECK(decided.soci);
        CHECK(decided.sandbox_image == "ecr/p:1");
        CHECK(decided.spared_image == "localhost/p:1");
}

TEST_CASE("A profile is known by its path in node.json, whose lines are beside it", "[node]")
{
        const test::ReferenceNode node;
        auto merged = test::merged_layers({test::reference_cluster});
        merged.tree["profile"] = "/etc/eks/web.toml";
        merged.tree["sysctl"] =
                Json::parse(R"({"net": {"core": {"somaxconn": 1234}}, "kernel": {"pid_max": 99}})");
        merged.marks["profile"] = {"/etc/eks/node.toml", 1, 1};
        merged.marks["sysctl.net.core.somaxconn"] = {"/etc/eks/web.toml", 5, 10};
        merged.marks["sysctl.kernel.pid_max"] = {"/etc/eks/node.toml", 2, 1};
        node.write(node_path, render_node_json(merged, {.kubelet = {1, 34, 2}, .containerd = {1, 6, 20}}));
        node.write(imds_path, imds.dump());
        const auto sysctls = load_node_inputs(node.root()).spec.host.sysctls;
        REQUIRE(sysctls.size() == 2);
        for (const auto& one : sysctls) {
                CAPTURE(one.name);
                CHECK(one.of_profile == (one.name == "net/core/somaxconn"));
                CHECK(one.where.line == (one.of_profile ? 5 : 2));
        }
}

TEST_CASE("The text of a place gives the place", "[node]")
{
        for (const auto& place : {Where{"user data", 3, 5}, Where{"/etc/eks/a, line 2, b.toml", 1, 80},
                     Where{"bootstrap.sh's rule for this VPC"}, Where{""}, Where{"a, line x, column 2"},
                     Where{", column 3, line 4"}, Where{"a, line 99999999999999999999, column 2"}}) {
                CAPTURE(place.text());
                CHECK(parse_place(place.text()) == place);
        }
}

TEST_CASE("A step that runs too early names the unit that has not run", "[node]")
{
        const test::TemporaryDirectory node;
        const auto no_config = refusal([&] { load_node_inputs(node.root()); });
        CHECK(no_config.failure == "facts-missing");
        CHECK(no_config.mentions("'/run/eks/node.json'"));
        CHECK(no_config.remedy.find("`systemctl status eks-config`") != std::string::npos);

        node.write(node_path, render_node_json(test::merged_layers({test::reference_cluster}),
                                      {.kubelet = {1, 34, 0}, .containerd = {1, 7, 0}}));
        const auto no_facts = refusal([&] { load_node_inputs(node.root()); });
        CHECK(no_facts.mentions("'/run/eks/imds.json'"));
        CHECK(no_facts.remedy.find("`systemctl status eks-imds`") != std::string::npos);

        node.write(imds_path, "{\n \"a\" 1}");
        const auto broken = refusal([&] { load_imds(node.root()); });
        CHECK(broken.mentions("/run/eks/imds.json"));
        CHECK(broken.mentions("line 2, column 6"));
}

TEST_CASE("What the configuration lacks of the cluster comes from cluster.json", "[node]")
{
        const test::ReferenceNode node;
        node.write(imds_path, imds.dump());
        node.write(node_path, render_node_json(test::merged_layers({"  cluster: {name: blue}\n"}),
                                      {.kubelet = {1, 34, 2}, .containerd = {1, 7, 20}}));
        const auto none = refusal([&] { load_node_inputs(node.root()); });
        CHECK(none.failure == "facts-missing");
        CHECK(none.mentions("'/run/eks/cluster.json'"));
        CHECK(none.remedy.find("`systemctl status eks-cluster`") != std::string::npos);
        const auto as_configured = load_node_inputs(node.root(), ClusterNeed::as_configured);
        CHECK(as_configured.lacks_cluster);
        CHECK(as_configured.spec.cluster.name == "blue");
        CHECK(as_configured.spec.cluster.endpoint.empty());

        Json answer{{"cluster",
                {{"name", "red"}, {"apiServerEndpoint", "https://e"}, {"certificateAuthority", "Y2E="},
                        {"cidr", "fd00::/108"}, {"enableOutpost", true}, {"id", "i-d"}}}};
        node.write(cluster_path, answer.dump());
        const auto of_another = refusal([&] { load_node_inputs(node.root()); });
        CHECK(of_another.mentions("'/run/eks/cluster.json'"));
        CHECK(of_another.mentions("'blue'"));
        answer["cluster"]["name"] = "blue";
        node.write(cluster_path, answer.dump());
        const auto inputs = load_node_inputs(node.root());
        CHECK_FALSE(inputs.lacks_cluster);
        CHECK(inputs.spec.cluster.endpoint == "https://e");
        CHECK(inputs.spec.cluster.certificate_authority.text == "Y2E=");
        CHECK(inputs.spec.cluster.certificate_authority.source == "EKS DescribeCluster");
        CHECK(inputs.spec.cluster.service_cidr->text() == "fd00::/108");
        CHECK(inputs.spec.cluster.ip_family == IpFamily::ipv6);
        CHECK(inputs.spec.cluster.outpost);
        CHECK(inputs.spec.cluster.id == "i-d");
        for (const auto* damaged : {"", "{", "[]", "{}", R"({"cluster": 5})", R"({"cluster": {}})"}) {
                node.write(cluster_path, damaged);
                CHECK(refusal([&] { load_node_inputs(node.root()); }).failure == "facts-missing");
        }
        // A complete configuration has no use for it.
        node.write(node_path, render_node_json(test::merged_layers({test::reference_cluster}),
                                      {.kubelet = {1, 34, 2}, .containerd = {1, 7, 20}}));
        CHECK(load_node_inputs(node.root()).spec.cluster.endpoint == "https://example.com");
}

TEST_CASE("A damaged file of facts is an error, whatever is wrong with it", "[node]")
{
        const test::TemporaryDirectory node;
        const auto good = render_node_json(test::merged_layers({test::reference_cluster}),
                {.kubelet = {1, 34, 0}, .containerd = {1, 7, 0}});
        struct Row {
                std::string config;
                std::string facts;
        };
        const std::vector<Row> rows{{"", imds.dump()}, {"{", imds.dump()}, {"[]", imds.dump()},
                {"{}", imds.dump()}, {"null", imds.dump()}, {good.substr(0, good.size() / 2), imds.dump()},
                {R"({"sources":{},"spec":{"cluster":{}},"versions":{}})", imds.dump()}, {good, ""},
                {good, "[]"}, {good, R"({"instanceId": 5})"}, {good, R"({"interfaces": 5})"},
                {good, R"({"interfaces": [5]})"},
                {good, R"({"mac": "a", "interfaces": [{"mac": "a", "ipv6s": "x"}]})"}, {good, "\"text\""},
                {good, R"({"x": 1e999})"}};
        for (const auto& row : rows) {
                CAPTURE(row.config, row.facts);
                node.write(node_path, row.config);
                node.write(imds_path, row.facts);
                CHECK(refusal([&] { load_node_inputs(node.root()); }).failure == "facts-missing");
        }
        node.write(node_path, good);
        node.write(imds_path, imds.dump());
        CHECK(refusal([&] { load_node_inputs(node.root()); }).failure == "nothing");
}

TEST_CASE("Versions of the daemons are read from their files", "[node]")
{
        const test::TemporaryDirectory node;
        node.write("/etc/eks/kubelet-version.txt", "Kubernetes v1.34.1-eks-113cf36\n");
        node.write("/etc/eks/containerd-version.txt",
                "containerd github.com/containerd/containerd 1.7.27 05044ec\n");
        CHECK(kubelet_version(node.root()) == Version{1, 34, 1});
        CHECK(containerd_version(node.root()) == Version{1, 7, 27});

        node.write("/etc/eks/kubelet-version.txt", "latest\n");
        const auto none = refusal([&] { kubelet_version(node.root()); });
        CHECK(none.failure == "kubelet-missing");
        CHECK(none.mentions("'/etc/eks/kubelet-version.txt'"));
        CHECK_FALSE(none.remedy.empty());
}

TEST_CASE("Below a root prefix no binary is asked", "[node]")
{
        const test::TemporaryDirectory node;
        node.write("/usr/bin/kubelet", "#!/bin/sh\necho v1.2.3\n", 0755);
        const auto kubelet = refusal([&] { kubelet_version(node.root()); });
        CHECK(kubelet.failure == "kubelet-missing");
        CHECK(kubelet.mentions("/etc/eks/kubelet-version.txt"));
        CHECK(kubelet.mentions("'/usr/bin/kubelet'"));
        CHECK(refusal([&] { containerd_version(node.root()); }).failure == "containerd-missing");
}

TEST_CASE("The credential provider is the usual one or the environment's", "[node]")
{
        ::unsetenv("ECR_CREDENTIAL_PROVIDER_BIN_PATH");
        CHECK(credential_provider_path() == "/etc/eks/image-credential-provider/ecr-credential-provider");

        ::setenv("ECR_CREDENTIAL_PROVIDER_BIN_PATH", "", 1);
        CHECK(credential_provider_path() == "/etc/eks/image-credential-provider/ecr-credential-provider");

        ::setenv("ECR_CREDENTIAL_PROVIDER_BIN_PATH", "/opt/provider", 1);
        CHECK(credential_provider_path() == "/opt/provider");

        ::unsetenv("ECR_CREDENTIAL_PROVIDER_BIN_PATH");
}
