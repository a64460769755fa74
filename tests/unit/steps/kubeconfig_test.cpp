// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "steps/kubeconfig/kubeconfig.hpp"

using namespace eks;
using test::ReferenceNode;
using test::refusal;

namespace {

Json tree(const std::string& text)
{
        Layer layer;
        return parse_map(text, layer);
}

std::string rendered_kubeconfig(const NodeInputs& node)
{
        const auto plan = plan_kubeconfig(node);
        const auto& file = test::file_in(plan, "/var/lib/kubelet/kubeconfig");
        CHECK(file.kind == File::Kind::regular);
        CHECK(file.mode == 0644);
        CHECK(test::file_in(plan, "/var/lib/kubelet/bootstrap-kubeconfig").kind == File::Kind::absent);
        return file.content;
}

} // namespace

TEST_CASE("The kubeconfig is the reference's, for every version of kubelet", "[kubeconfig]")
{
        const ReferenceNode node;
        for (unsigned minor = 23; minor <= 37; ++minor) {
                auto inputs = node.inputs({}, {1, minor, 0});
                inputs.spec.registration.kubeconfig_auth = "aws";
                CHECK(tree(rendered_kubeconfig(inputs)) == tree(test::reference("kubeconfig.yaml")));
        }

        CHECK(rendered_kubeconfig(node.inputs()) == rendered_kubeconfig(node.inputs()));
}

TEST_CASE("No value can end early or become something else", "[kubeconfig]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.cluster.name = "yes";
        inputs.facts.region = "a\"b: ${server} # c\nd";
        inputs.spec.cluster.endpoint = "https://example.com:6443/a";
        const auto config = tree(rendered_kubeconfig(inputs));
        CHECK(config["clusters"][0]["cluster"]["server"] == "https://example.com:6443/a");

        const auto& args = config["users"][0]["user"]["exec"]["args"];
        CHECK(args == Json{"token", "--cluster-name", "yes", "--region", "a\"b: ${server} # c\nd"});
}

TEST_CASE("A kubeconfig with a login in its URL is for root alone", "[kubeconfig]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.cluster.endpoint = "https://user:password@example.com";
        CHECK(test::file_in(plan_kubeconfig(inputs), "/var/lib/kubelet/kubeconfig").mode == 0600);
}

TEST_CASE("The program that gives the token is a matter of configuration", "[kubeconfig]")
{
        const ReferenceNode node;
        const auto exec = [&](const char* auth) {
                auto inputs = node.inputs();
                if (*auth != '\0')
                        inputs.spec.registration.kubeconfig_auth = auth;
                return tree(rendered_kubeconfig(inputs))["users"][0]["user"]["exec"];
        };

        const Json ours{{"apiVersion", "client.authentication.k8s.io/v1beta1"},
                {"command", "/usr/bin/eksnode"},
                {"args", {"token", "--cluster-name", "my-cluster", "--region", "us-west-2"}}};
        CHECK(exec("") == ours);
        CHECK(exec("eksnode") == ours);
        CHECK(exec("aws-iam-authenticator") ==
                Json{{"apiVersion", "client.authentication.k8s.io/v1beta1"},
                        {"command", "/usr/bin/aws-iam-authenticator"},
                        {"args", {"token", "-i", "my-cluster", "--region", "us-west-2"}}});

        Layer layer;
        layer.tree = test::merged_layers({test::reference_cluster}).tree;
        layer.tree["kubeconfig"]["auth"] = "aws";
        CHECK(node_spec(layer.tree, layer.marks).registration.kubeconfig_auth == "aws");
}

TEST_CASE("A token program that is not on the machine is warned of", "[kubeconfig]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        const auto text = [&] {
                const auto notes = token_program_notes(inputs);
                return notes.empty() ? std::string() : notes.front().text;
        };

        CHECK(text().find("'/usr/bin/eksnode'") != std::string::npos);

        node.write("/usr/bin/eksnode", "", 0755);
        CHECK(text().empty());

        inputs.spec.registration.kubeconfig_auth = "aws";
        CHECK(text().find("'aws'") != std::string::npos);
        CHECK(text().ends_with(", proceeding"));

        node.write("/usr/local/bin/aws", "", 0755);
        CHECK(text().empty());
}

TEST_CASE("A template may use what is known and nothing else", "[kubeconfig]")
{
        const ReferenceNode node;
        const auto with = [&](const std::string& text) {
                node.write(kubeconfig_template, text);
                return rendered_kubeconfig(node.inputs());
        };

        CHECK(with("no values\n") == "no values\n");
        CHECK(with("") == "");
        CHECK(with("${cluster}${cluster}$ {server} $region") ==
                "\"my-cluster\"\"my-cluster\"$ {server} $region");

        for (const auto* text : {"${nothing}", "${}", "${server", "x ${ server }", "${server}${"}) {
                CAPTURE(text);
                const auto result = refusal([&] { with(text); });
                CHECK(result.failure == "vendor-file");
                CHECK(result.mentions(kubeconfig_template));
                CHECK(result.advises("${server}, ${cluster}, ${region}, ${command} and ${args}"));
        }
}

TEST_CASE("Without a region there is no kubeconfig", "[kubeconfig]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.facts.region = "";
        const auto result = refusal([&] { plan_kubeconfig(inputs); });
        CHECK(result.failure == "facts-missing");
        CHECK(result.mentions("region"));
}

TEST_CASE("A local cluster's kubeconfig is for bootstrapping, and names the cluster's id", "[kubeconfig]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.registration.kubeconfig_auth = "aws";
        inputs.spec.cluster.outpost = true;
        inputs.spec.cluster.id = "9d2b1c1e-0000-4000-8000-5a5a5a5a5a5a";
        const auto plan = plan_kubeconfig(inputs);
        CHECK(test::file_in(plan, "/var/lib/kubelet/kubeconfig").kind == File::Kind::absent);

        const auto& file = test::file_in(plan, "/var/lib/kubelet/bootstrap-kubeconfig");
        CHECK(file.mode == 0644);

        auto wanted = tree(test::reference("kubeconfig.yaml"));
        wanted["users"][0]["user"]["exec"]["args"][3] = inputs.spec.cluster.id;
        CHECK(tree(file.content) == wanted);
}

TEST_CASE("The kubeconfig that kubelet makes of it is never touched", "[kubeconfig]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        const auto apply = [&] {
                for (const auto& file : plan_kubeconfig(inputs).files)
                        put_in_place(node.root(), file);
        };

        apply(); // an image made from a node of the Region's cluster
        inputs.spec.cluster.outpost = true;
        inputs.spec.cluster.id = "id";
        apply();
        CHECK(node.names("/var/lib/kubelet") == std::vector<std::string>{"bootstrap-kubeconfig"});

        node.write("/var/lib/kubelet/kubeconfig", "with a certificate");
        apply();
        CHECK(node.read("/var/lib/kubelet/kubeconfig") == "with a certificate");
        CHECK(node.names("/var/lib/kubelet") ==
                std::vector<std::string>{"bootstrap-kubeconfig", "kubeconfig"});
}
