// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "environment_file.hpp"
#include "fixture.hpp"
#include "steps/kubelet-args/kubelet_args.hpp"

using namespace eks;
using test::ReferenceNode;
using test::refusal;
using test::split_environment_value;
using Texts = std::vector<std::string>;

namespace {

std::map<std::string, std::string> rendered_variables(const NodeInputs& node)
{
        const auto plan = plan_kubelet_args(node);
        REQUIRE(plan.files.size() == 1);
        CHECK(plan.files[0].path == "/etc/eks/kubelet/environment");
        CHECK(plan.files[0].mode == 0644);
        CHECK(plan.files[0].content.ends_with('\n'));
        return test::parse_environment_file(plan.files[0].content);
}

// What kubelet is started with: ExecStart=/usr/bin/kubelet $KUBELET_ARGS $KUBELET_EXTRA_ARGS
Texts arguments(const NodeInputs& node)
{
        const auto variables = rendered_variables(node);
        auto all = split_environment_value(variables.at("KUBELET_ARGS"));
        const auto extra = variables.find("KUBELET_EXTRA_ARGS");
        const auto users = split_environment_value(extra != variables.end() ? extra->second : "");
        all.insert(all.end(), users.begin(), users.end());
        CHECK(split_environment_value(variables.at("NODEADM_KUBELET_ARGS")) == all); // for existing drop-ins

        return all;
}

Texts sorted(Texts texts)
{
        std::ranges::sort(texts);
        return texts;
}

bool has(const Texts& texts, const std::string& text)
{
        return std::ranges::find(texts, text) != texts.end();
}

// Through the file and back.
Texts round_trip(const Texts& given)
{
        return split_environment_value(
                test::parse_environment_file("A=" + environment_value(given) + "\nB=next\n").at("A"));
}

} // namespace

TEST_CASE("The arguments are the reference's, the user's last and in order", "[kubelet-args]")
{
        const ReferenceNode node;
        const auto all = arguments(node.inputs(
                "  featureGates: {InstanceIdNodeName: true}\n  kubelet:\n    flags:\n    - --v=5\n"
                "    - --node-labels=foo=bar,foo2=baz\n    - --register-with-taints=foo=bar:NoSchedule\n"));
        REQUIRE(all.size() == 11);
        CHECK(Texts(all.end() - 3, all.end()) == Texts{"--v=5", "--node-labels=foo=bar,foo2=baz",
                                                         "--register-with-taints=foo=bar:NoSchedule"});
        CHECK(sorted({all.begin(), all.end() - 3}) ==
                sorted({"--node-ip=172.16.34.43", "--cloud-provider=external",
                        "--hostname-override=i-1234567890abcdef0",
                        "--runtime-cgroups=/runtime.slice/containerd.service",
                        "--config=/etc/kubernetes/kubelet/config.json",
                        "--kubeconfig=/var/lib/kubelet/kubeconfig",
                        "--image-credential-provider-bin-dir=/etc/eks/image-credential-provider",
                        "--image-credential-provider-config=/etc/eks/image-credential-provider/"
                        "config.json"}));
}

TEST_CASE("The same facts give the same text", "[kubelet-args]")
{
        const ReferenceNode node;
        const auto inputs = node.inputs("  kubelet: {flags: [--b, --a]}\n");
        CHECK(plan_kubelet_args(inputs).files[0].content == plan_kubelet_args(inputs).files[0].content);
}

TEST_CASE(
        "The node is named after its private DNS name, or its id where that is asked for", "[kubelet-args]")
{
        const ReferenceNode node;
        CHECK(has(
                arguments(node.inputs()), "--hostname-override=ip-172-16-34-43.us-west-2.compute.internal"));
        CHECK(has(arguments(node.inputs("  featureGates: {InstanceIdNodeName: true}\n")),
                "--hostname-override=i-1234567890abcdef0"));
}

TEST_CASE("User settings in a drop-in need its directory, and before 1.30 a variable", "[kubelet-args]")
{
        const ReferenceNode node;
        const std::string config = "  kubelet: {config: {maxPods: 5}}\n";

        for (unsigned minor = 28; minor <= 37; ++minor) {
                CAPTURE(minor);
                const Version version{1, minor, 0};
                CHECK(has(arguments(node.inputs(config, version)),
                        "--config-dir=/etc/kubernetes/kubelet/config.json.d"));
                CHECK(rendered_variables(node.inputs(config, version))
                                .contains("KUBELET_CONFIG_DROPIN_DIR_ALPHA") == (minor < 30));
                CHECK_FALSE(rendered_variables(node.inputs({}, version))
                                    .contains("KUBELET_CONFIG_DROPIN_DIR_ALPHA"));
                CHECK_FALSE(has(arguments(node.inputs({}, version)),
                        "--config-dir=/etc/kubernetes/kubelet/config.json.d"));
        }

        CHECK(rendered_variables(node.inputs(config, {1, 29, 99})).at("KUBELET_CONFIG_DROPIN_DIR_ALPHA") ==
                "on");
}

TEST_CASE("Only the variables that are documented are set", "[kubelet-args]")
{
        const ReferenceNode node;
        Texts names;
        for (const auto& [name, value] : rendered_variables(node.inputs()))
                names.push_back(name);
        CHECK(names == Texts{"KUBELET_ARGS", "NODEADM_KUBELET_ARGS"}); // a drop-in may set the third
        CHECK(rendered_variables(node.inputs("  kubelet: {flags: [--v=5]}\n")).at("KUBELET_EXTRA_ARGS") ==
                "--v=5");
}

TEST_CASE("A node with an NVIDIA device is labelled from 1.35 on", "[kubelet-args]")
{
        const ReferenceNode node;
        const std::string label = "--node-labels=nvidia.com/gpu.present=true";
        CHECK_FALSE(has(arguments(node.inputs()), label));

        node.write("/sys/bus/pci/devices/0000:00:03.0/vendor", "0x1d0f\n");
        node.write("/sys/bus/pci/devices/0000:00:04.0/class", "0x020000\n"); // no vendor
        CHECK_FALSE(has(arguments(node.inputs()), label));

        node.write("/sys/bus/pci/devices/0000:00:1e.0/vendor", "0x10de\n");
        CHECK(has(arguments(node.inputs({}, {1, 35, 0})), label));
        CHECK(has(arguments(node.inputs({}, {1, 36, 2})), label));
        CHECK_FALSE(has(arguments(node.inputs({}, {1, 34, 9})), label));

        // kubelet merges labels of several flags: the user's do not replace ours.
        const auto both = arguments(node.inputs("  kubelet: {flags: [--node-labels=a=b]}\n"));
        CHECK(has(both, label));
        CHECK(both.back() == "--node-labels=a=b");
}

TEST_CASE("An IPv6 cluster's node has the first address of its primary interface", "[kubelet-args]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.cluster.ip_family = IpFamily::ipv6;
        inputs.facts.ipv6s = {"fd00::1", "fd00::2"};
        CHECK(has(arguments(inputs), "--node-ip=fd00::1"));

        inputs.facts.ipv6s = {};
        const auto result = refusal([&] { plan_kubelet_args(inputs); });
        CHECK(result.failure == "facts-missing");
        CHECK(result.mentions("ipv6s"));
}

TEST_CASE("Among several IPv6 addresses the first that others can reach is taken", "[kubelet-args]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.cluster.ip_family = IpFamily::ipv6;
        inputs.facts.ipv6s = {"fe80::1", "fd00::1", "nonsense", "2001:db8::1", "2001:db8::2"};
        CHECK(has(arguments(inputs), "--node-ip=2001:db8::1"));

        inputs.facts.ipv6s = {"fe80::1", "fd00::1"};
        CHECK(has(arguments(inputs), "--node-ip=fd00::1"));

        inputs.facts.ipv6s = {"fe80::1", "::1", "ff02::1"};
        CHECK(refusal([&] { plan_kubelet_args(inputs); }).mentions("ipv6s"));
}

TEST_CASE("A dual-stack node names both addresses, that of the services' family first", "[kubelet-args]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.cluster.ip_family = IpFamily::dual_stack;
        inputs.facts.ipv6s = {"2001:db8::1"};
        CHECK(has(arguments(inputs), "--node-ip=172.16.34.43,2001:db8::1"));

        inputs.spec.cluster.ipv6_first = true;
        CHECK(has(arguments(inputs), "--node-ip=2001:db8::1,172.16.34.43"));

        inputs.versions.kubelet = {1, 28, 9};
        CHECK(has(arguments(inputs), "--node-ip=2001:db8::1"));

        const auto notes = plan_kubelet_args(inputs).notes;
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].level == Level::warning);
        CHECK(notes[0].text.ends_with("names one address only, that of the services' family; 1.29.0 and "
                                      "later name two, proceeding"));

        inputs.facts.local_ipv4 = "";
        CHECK(refusal([&] { plan_kubelet_args(inputs); }).mentions("localIpv4"));

        inputs.facts.local_ipv4 = "172.16.34.43";
        inputs.facts.ipv6s = {};
        CHECK(refusal([&] { plan_kubelet_args(inputs); }).mentions("ipv6s"));
}

TEST_CASE("The family is what the configuration says, else that of the services", "[kubelet-args]")
{
        const ReferenceNode node;
        const auto spec = [](const Json& cluster, const Json& config = Json::object()) {
                Json tree{{"cluster", {{"name", "a"}, {"apiServerEndpoint", "b"},
                                              {"certificateAuthority", "c"}}},
                        {"kubelet", {{"config", config}}}};
                tree["cluster"].update(cluster);
                return node_spec(tree, {});
        };

        struct Row {
                Json cluster;
                Json dns;
                IpFamily family;
                bool ipv6_first;
        };

        const std::vector<Row> rows{
                {{{"cidr", "10.100.0.0/16"}}, nullptr, IpFamily::ipv4, false},
                {{{"cidr", "fd00::/108"}}, nullptr, IpFamily::ipv6, true},
                {{{"cidr", "10.100.0.0/16"}}, Json{"fd00::a"}, IpFamily::ipv4, false},
                {Json::object(), Json{"fd00::a"}, IpFamily::ipv6, true},
                {Json::object(), Json{"10.100.0.10", "fd00::a"}, IpFamily::ipv4, false},
                {Json::object(), "fd00::a", IpFamily::ipv4, false}, // no list: kubelet refuses it
                {{{"cidr", "fd00::/108"}, {"ipFamily", "dual-stack"}}, nullptr, IpFamily::dual_stack, true},
                {{{"cidr", "10.100.0.0/16"}, {"ipFamily", "dual-stack"}}, nullptr, IpFamily::dual_stack,
                        false},
                {{{"ipFamily", "ipv6"}}, Json{"10.100.0.10"}, IpFamily::ipv6, false},
                {{{"cidr", "fd00::/108"}, {"ipFamily", ""}}, nullptr, IpFamily::ipv6, true},
        };

        for (const auto& row : rows) {
                CAPTURE(row.cluster.dump(), row.dns.dump());
                const auto found = spec(
                        row.cluster, row.dns.is_null() ? Json::object() : Json{{"clusterDNS", row.dns}});
                CHECK(found.cluster.ip_family == row.family);
                CHECK(found.cluster.ipv6_first == row.ipv6_first);
        }
}

TEST_CASE("A local cluster's node bootstraps its kubeconfig", "[kubelet-args]")
{
        const ReferenceNode node;
        const std::string bootstrap = "--bootstrap-kubeconfig=/var/lib/kubelet/bootstrap-kubeconfig";
        auto inputs = node.inputs();
        CHECK_FALSE(has(arguments(inputs), bootstrap));

        inputs.spec.cluster.outpost = true;
        CHECK(has(arguments(inputs), bootstrap));
        CHECK(has(arguments(inputs), "--kubeconfig=/var/lib/kubelet/kubeconfig"));
}

TEST_CASE("Arguments need their facts, and name the one that is missing", "[kubelet-args]")
{
        const ReferenceNode node;
        auto no_name = node.inputs();
        no_name.facts.local_hostname = "";
        CHECK(refusal([&] { plan_kubelet_args(no_name); }).mentions("localHostname"));

        no_name.spec.registration.instance_id_node_name = true;
        CHECK(refusal([&] { plan_kubelet_args(no_name); }).failure == "nothing");

        no_name.facts.instance_id = "";
        CHECK(refusal([&] { plan_kubelet_args(no_name); }).mentions("instanceId"));

        auto no_address = node.inputs();
        no_address.facts.local_ipv4 = "";
        const auto result = refusal([&] { plan_kubelet_args(no_address); });
        CHECK(result.failure == "facts-missing");
        CHECK(result.mentions("localIpv4"));
}

TEST_CASE("A name that Kubernetes refuses is an error before kubelet finds out", "[kubelet-args]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();

        for (const auto& name : {std::string("db_1.internal"), std::string("db-1..internal"),
                     std::string("db-1.internal."), "db-1." + std::string(59, 'a')}) {
                CAPTURE(name);
                inputs.facts.local_hostname = name;
                const auto result = refusal([&] { plan_kubelet_args(inputs); });
                CHECK(result.failure == "node-name-invalid");
                CHECK(result.mentions("'" + name + "'"));
                CHECK(result.remedy.find("InstanceIdNodeName") != std::string::npos);
        }

        inputs.spec.kubelet.flags =
                parse_kubelet_flags({"--hostname-override=ip-1"}); // the user's own, checked by eks-config
        CHECK(has(arguments(inputs), "--hostname-override=ip-1"));

        inputs.spec.kubelet.flags = {};
        inputs.facts.local_hostname = "db-1." + std::string(58, 'a');
        CHECK(has(arguments(inputs), "--hostname-override=" + inputs.facts.local_hostname));
}

TEST_CASE("A node has EC2's name in whatever domain the VPC's DHCP options name", "[kubelet-args]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        const std::string ours = "--hostname-override=ip-172-16-34-43.us-west-2.compute.internal";
        CHECK(has(arguments(inputs), ours));
        CHECK(plan_kubelet_args(inputs).notes.empty());

        inputs.facts.local_hostname = "ip-172-16-34-43.corp.example other.example";
        CHECK(has(arguments(inputs), ours));

        const auto notes = plan_kubelet_args(inputs).notes;
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].level == Level::notice);
        CHECK(notes[0].text.find(
                      "named ip-172-16-34-43.us-west-2.compute.internal, as EC2's private DNS has it: "
                      "ip-172-16-34-43.corp.example is") != std::string::npos);

        inputs.spec.kubelet.flags =
                parse_kubelet_flags({"--hostname-override=ip-172-16-34-43.corp.example"});
        CHECK(plan_kubelet_args(inputs).notes.empty());

        inputs.spec.kubelet.flags = {};
        inputs.spec.registration.instance_id_node_name = true;
        CHECK(has(arguments(inputs), "--hostname-override=i-1234567890abcdef0"));

        inputs.spec.registration.node_name = "${imds.instanceId}.corp.example";
        inputs.facts.all["instanceId"] = "i-1";
        CHECK(has(arguments(inputs), "--hostname-override=i-1.corp.example"));
        CHECK(plan_kubelet_args(inputs).notes.empty());

        inputs.spec.registration.node_name = "a_b";
        CHECK(refusal([&] { plan_kubelet_args(inputs); }).failure == "config-invalid");

        inputs.spec = node.inputs().spec;
        inputs.facts.region = "";
        CHECK(refusal([&] { plan_kubelet_args(inputs); }).mentions("'region'"));
}

TEST_CASE("Labels are one flag, sorted; the user's win over those found out", "[kubelet-args]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.facts.all = {{"instanceType", "m4.xlarge"}, {"tags", {{"team", "a"}}}};
        inputs.spec.registration.labels = {
                {"z", "1"}, {"team", "${tag.team}"}, {"example.com/type", "${imds.instanceType}"}};
        CHECK(has(arguments(inputs), "--node-labels=example.com/type=m4.xlarge,team=a,z=1"));

        node.write("/proc/sys/kernel/osrelease", "6.1\n");
        node.write("/sys/bus/pci/devices/0000:00:1e.0/vendor", "0x10de\n");
        node.write("/sys/bus/pci/devices/0000:00:1e.0/class", "0x030200\n");
        inputs.spec.registration.labels = {
                {"feature.node.kubernetes.io/kernel-version.major", "five"}, {"nvidia.com/gpu.count", "9"}};
        inputs.spec.registration.hardware_labels = true;
        inputs.spec.registration.gpu_labels = true;
        inputs.versions.kubelet = {1, 34, 0};
        CHECK(has(arguments(inputs),
                "--node-labels=feature.node.kubernetes.io/kernel-version.full=6.1,"
                "feature.node.kubernetes.io/kernel-version.major=five,"
                "feature.node.kubernetes.io/kernel-version.minor=1,"
                "feature.node.kubernetes.io/pci-0302_10de.present=true,"
                "nvidia.com/gpu.count=9,nvidia.com/gpu.mode=compute,nvidia.com/gpu.present=true"));
}

TEST_CASE("The provider's directory is that of its binary", "[kubelet-args]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.credential_provider = "/opt/my providers/bin/provider";
        CHECK(has(arguments(inputs), "--image-credential-provider-bin-dir=/opt/my providers/bin"));
}

TEST_CASE("One item of flags is one argument, unchanged", "[kubelet-args]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.kubelet.flags = parse_kubelet_flags({"--cert-dir=/a b --c", "--x=\"y\""});
        const auto all = arguments(inputs);
        CHECK(Texts(all.end() - 2, all.end()) == Texts{"--cert-dir=/a b --c", "--x=\"y\""});

        inputs.spec.kubelet.flags = {};
        CHECK(plan_kubelet_args(inputs).files.at(0).content.find("KUBELET_EXTRA_ARGS") == std::string::npos);
}

TEST_CASE("The flags of a NodeConfig reach kubelet as systemd would have split nodeadm's", "[kubelet-args]")
{
        const ReferenceNode node;
        const auto all = arguments(node.inputs("  kubelet:\n    flags:\n"
                                               "    - --node-labels=\"path=a/b,say=hi\"\n"
                                               "    - '--feature-gates=A=true --v=3'\n"
                                               "    - '--register-with-taints \"\"'\n"
                                               "    - \"--one='it is \\\"quoted\\\"' and\"\n"));
        CHECK(Texts(all.end() - 7, all.end()) ==
                Texts{"--node-labels=path=a/b,say=hi", "--feature-gates=A=true", "--v=3",
                        "--register-with-taints", "", "--one=it is \"quoted\"", "and"});
}

TEST_CASE("Arguments survive the environment file and the splitting of systemd", "[kubelet-args]")
{
        const std::vector<Texts> rows{
                {},
                {"--v=2"},
                {"--a", "--b=c"},
                {"--a=b c"},
                {"--a=b\tc"},
                {"--a=\"b\""},
                {"--a='b' \"c d\""},
                {"--a=\\"},
                {"--a=\\\\n", "--b"},
                {"--a=b\\ c"},
                {"--a=$HOME ${HOME} $$"},
                {"--a=%n %% %"},
                {"--a=#;b", "--c=#"},
                {"--a=b=c"},
                {"--a=", "--b="},
                {"--a=ä €"},
                {"--a= b"},
                {"--a=b\\"},
                {"--a='", "--b=\""},
                {"--a=b ", "--c"},
        };
        for (const auto& row : rows) {
                CAPTURE(row, environment_value(row));
                CHECK(round_trip(row) == row);
        }
}

TEST_CASE("A blank at the end of the last argument survives too", "[kubelet-args]")
{
        // The reader of environment files cuts off blanks at the end of a value.
        for (const auto& row :
                {Texts{"--a=b "}, Texts{"--a", "--b=c\t"}, Texts{"--a=  "}, Texts{"--a=b\\ "}}) {
                CAPTURE(row, environment_value(row));
                CHECK(round_trip(row) == row);
        }
}

TEST_CASE("Any argument survives, whatever blanks, quotes, backslashes and signs it holds", "[kubelet-args]")
{
        constexpr std::string_view letters = "ab=  \t\\\\\"'$%#;{}-,/";
        std::minstd_rand random(20'240'503);

        for (int round = 0; round < 20'000; ++round) {
                Texts given;
                for (auto count = random() % 4; count-- > 0;) {
                        std::string argument = "--";
                        for (auto length = random() % 10; length-- > 0;)
                                argument += letters[random() % letters.size()];
                        given.push_back(
                                argument + "x"); // the end of the last argument has a test of its own
                }

                if (round_trip(given) != given) {
                        CAPTURE(given, environment_value(given));
                        CHECK(round_trip(given) == given);
                        return;
                }
        }
}
