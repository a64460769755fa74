// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "fixture.hpp"
#include "steps/plan.hpp"

using namespace eks;
using test::ReferenceNode;

namespace {

NodeInputs with_real_ca(const ReferenceNode& node)
{
        auto inputs = node.inputs("  kubelet: {config: {maxPods: 5}}\n");
        inputs.spec.cluster.certificate_authority.text = test::ca_base64;
        return inputs;
}

} // namespace

// Steps that these configurations give no files.
const std::set<std::string_view> has_none_here{"eks-environment", "eks-registry-mirrors"};

TEST_CASE("Every step that writes files is planned, and no path has two owners", "[plan]")
{
        const ReferenceNode node;
        const auto steps = plan_steps(with_real_ca(node));
        std::vector<std::string> names;
        std::set<std::string> paths;

        for (const auto& step : steps) {
                names.emplace_back(step.name);
                CHECK_FALSE(step.error);

                for (const auto& file : step.plan.files) {
                        CAPTURE(file.path);
                        CHECK(paths.insert(file.path).second);
                        CHECK(file.path.starts_with('/'));
                }
        }

        CHECK(names == std::vector<std::string>{"eks-ca", "eks-containerd-config", "eks-credential-provider",
                               "eks-environment", "eks-kubeconfig", "eks-kubelet-args", "eks-kubelet-config",
                               "eks-registry-mirrors", "eks-resolved", "eks-shutdown", "eks-sysctl",
                               "eks-trust"});
        CHECK(paths == std::set<std::string>{"/etc/containerd/base-runtime-spec.json",
                               "/etc/containerd/config.toml",
                               "/etc/eks/image-credential-provider/config.json",
                               "/etc/eks/kubelet/environment", "/etc/kubernetes/kubelet/config.json",
                               "/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf",
                               "/etc/kubernetes/kubelet/kubelet-config.json", "/etc/kubernetes/pki/ca.crt",
                               "/etc/soci-snapshotter-grpc/config.toml", "/run/eks/trust.pem",
                               "/run/sysctl.d/99-zz-eks.conf", "/run/systemd/logind.conf.d/99-zz-eks.conf",
                               "/run/systemd/resolved.conf.d/40-eks.conf",
                               "/var/lib/kubelet/bootstrap-kubeconfig", "/var/lib/kubelet/kubeconfig"});
}

TEST_CASE("A step that fails keeps no other from being planned", "[plan]")
{
        const ReferenceNode node;
        auto inputs = node.inputs(); // its CA is none
        inputs.facts.region = "";

        for (const auto& step : plan_steps(inputs)) {
                CAPTURE(step.name);
                if (step.name == "eks-ca") {
                        REQUIRE(step.error);
                        CHECK(step.error->failure().name == "ca-invalid");
                        CHECK(step.plan.files.empty());
                } else if (step.name == "eks-kubeconfig" || step.name == "eks-kubelet-args") {
                        REQUIRE(step.error);
                        CHECK(step.error->failure().name == "facts-missing");
                } else {
                        CHECK_FALSE(step.error);
                        CHECK(step.plan.files.empty() == has_none_here.contains(step.name));
                }
        }
}

TEST_CASE("The list has a line for each file, sorted by path, with digest and owner", "[plan]")
{
        const std::vector<PlannedStep> steps{
                {"eks-b",
                        {.files = {{.path = "/z", .content = "abc"},
                                 {.path = "/gone", .content = {}, .kind = File::Kind::absent}}},
                        std::nullopt},
                {"eks-a",
                        {.files = {{.path = "/a/link", .content = "target", .kind = File::Kind::link},
                                 {.path = "/b", .content = "", .mode = 0600}}},
                        std::nullopt}};
        CHECK(list_files(steps) ==
                "PATH\tMODE\tSIZE\tSHA256\tSTEP\n"
                "/a/link\tlink\t6\t-> target\teks-a\n"
                "/b\t0600\t0\te3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\teks-a\n"
                "/z\t0644\t3\tba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\teks-b\n");
        CHECK(list_files({}) == "PATH\tMODE\tSIZE\tSHA256\tSTEP\n");
}

TEST_CASE("Written files have their content, mode and target, again the same", "[plan]")
{
        const ReferenceNode node;
        const test::TemporaryDirectory output;
        const auto steps = plan_steps(with_real_ca(node));

        for (int round = 0; round < 2; ++round) {
                write_files(steps, output.path());
                CHECK(output.read("/etc/kubernetes/pki/ca.crt") == test::ca_certificate());
                CHECK(output.mode("/etc/kubernetes/pki/ca.crt") == 0644);
                CHECK(output.names("/etc/kubernetes/kubelet") ==
                        std::vector<std::string>{"config.json", "config.json.d", "kubelet-config.json"});
                CHECK(output.read("/etc/kubernetes/kubelet/kubelet-config.json") ==
                        output.read("/etc/kubernetes/kubelet/config.json"));
                CHECK(output.names("/etc/containerd") ==
                        std::vector<std::string>{"base-runtime-spec.json", "config.toml"});
        }

        const auto& args = steps[4].plan.files.at(0);
        CHECK(output.read(args.path) == args.content);
}

TEST_CASE("Steps that need the cluster are planned once EKS has said what it is", "[plan]")
{
        const ReferenceNode node;
        const Json imds{{"instanceId", "i-1"}, {"instanceType", "m5.large"}, {"region", "us-west-2"},
                {"availabilityZone", "us-west-2a"},
                {"localHostname", "ip-10-0-0-1.us-west-2.compute.internal"}, {"localIpv4", "10.0.0.1"}};
        node.write(user_data_path, test::node_config("  cluster: {name: blue}\n"));
        const auto planned = [&](const std::optional<Json>& described = {}) {
                return plan_node(node.root(), resolve_node_layers(node.root()), imds,
                        {.kubelet = {1, 34, 0}, .containerd = {1, 7, 27}}, described);
        };

        const std::set<std::string_view> of_cluster{
                "eks-ca", "eks-kubeconfig", "eks-kubelet-args", "eks-kubelet-config"};

        for (const auto& step : planned()) {
                CAPTURE(step.name);
                CHECK_FALSE(step.error);
                if (!has_none_here.contains(step.name))
                        CHECK(step.plan.files.empty() == of_cluster.contains(step.name));
        }

        Json answer{{"name", "blue"}, {"apiServerEndpoint", "https://eks.example.com"},
                {"certificateAuthority", test::ca_base64}, {"cidr", "10.96.0.0/16"}};
        const auto check_complete = [&](const std::vector<PlannedStep>& steps) {
                for (const auto& step : steps) {
                        CAPTURE(step.name);
                        CHECK_FALSE(step.error);
                        CHECK(step.plan.files.empty() == has_none_here.contains(step.name));
                }
        };

        check_complete(planned(answer));
        node.write(cluster_path, Json{{"cluster", answer}}.dump());
        check_complete(planned());
        answer["name"] = "red"; // an answer about another cluster
        node.write(cluster_path, Json{{"cluster", answer}}.dump());
        CHECK(planned()[1].plan.files.empty());

        answer["cidr"] = "10.96.0.0";
        CHECK(test::refusal([&] { planned(answer); }).failure == "config-invalid");
}
