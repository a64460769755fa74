// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "compat/bootstrap/bootstrap.hpp"
#include "compat/bootstrap/edits.hpp"
#include "compat/bootstrap/options.hpp"
#include "compat/bootstrap/sourced.hpp"
#include "config/sources.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;
using test::TemporaryDirectory;
using Words = std::vector<std::string>;

namespace {

Layer parsed(const Words& arguments, const decltype(BootstrapCall::environment)& environment = {})
{
        return parse_bootstrap_call({arguments, environment}).value();
}

Json tree(const Words& arguments)
{
        return parsed(arguments).tree;
}

Json flags(const std::string& extra)
{
        const auto found = tree({"c", "--kubelet-extra-args", extra});
        return found.contains("kubelet") ? found["kubelet"]["flags"] : Json();
}

std::string notes(const Layer& layer)
{
        std::string all;
        for (const auto& note : layer.notes) {
                CHECK(note.level == Level::warning);
                all += note.text + "\n";
        }
        return all;
}

const Json only_name{{"cluster", {{"name", "c"}}}};

} // namespace

TEST_CASE("The call of a managed node group becomes a layer", "[bootstrap]")
{
        const auto layer = parsed({"my-cluster", "--kubelet-extra-args",
                "--node-labels=eks.amazonaws.com/capacityType=ON_DEMAND,a=b --max-pods=17",
                "--b64-cluster-ca", "Y2E=", "--apiserver-endpoint", "https://example.eks.amazonaws.com",
                "--dns-cluster-ip", "10.100.0.10", "--use-max-pods", "false"});
        CHECK(layer.tree ==
                Json{{"cluster", {{"name", "my-cluster"},
                                         {"apiServerEndpoint", "https://example.eks.amazonaws.com"},
                                         {"certificateAuthority", "Y2E="}}},
                        {"kubelet",
                                {{"config", {{"clusterDNS", {"10.100.0.10"}}}}, {"maxPodsExpression", "17"},
                                        {"flags",
                                                {"--node-labels=eks.amazonaws.com/capacityType=ON_DEMAND,a=b",
                                                        "--max-pods=17"}}}}});
        CHECK(layer.notes.empty());
}

TEST_CASE("All options of bootstrap.sh are known, in both forms and as variables", "[bootstrap]")
{
        const std::vector<std::array<std::string, 3>> given{
                {"--apiserver-endpoint", "APISERVER_ENDPOINT", "https://a"},
                {"--aws-api-retry-attempts", "API_RETRY_ATTEMPTS", "5"},
                {"--b64-cluster-ca", "B64_CLUSTER_CA", "QQ=="}, {"--cluster-id", "CLUSTER_ID", "1234"},
                {"--container-runtime", "CONTAINER_RUNTIME", "containerd"},
                {"--containerd-config-file", "CONTAINERD_CONFIG_FILE", "/etc/c.toml"},
                {"--dns-cluster-ip", "DNS_CLUSTER_IP", "fd00::a"},
                {"--docker-config-json", "DOCKER_CONFIG_JSON", "{\"bridge\": \"none\"}"},
                {"--enable-docker-bridge", "ENABLE_DOCKER_BRIDGE", "true"},
                {"--enable-local-outpost", "ENABLE_LOCAL_OUTPOST", "true"},
                {"--ip-family", "IP_FAMILY", "IPv6"}, {"--kubelet-extra-args", "KUBELET_EXTRA_ARGS", "-v=3"},
                {"--local-disks", "LOCAL_DISKS", "raid0"}, {"--mount-bpf-fs", "MOUNT_BPF_FS", "false"},
                {"--pause-container-account", "PAUSE_CONTAINER_ACCOUNT", "602401143452"},
                {"--pause-container-version", "PAUSE_CONTAINER_VERSION", "3.5"},
                {"--service-ipv4-cidr", "SERVICE_IPV4_CIDR", "10.100.0.0/16"},
                {"--service-ipv6-cidr", "SERVICE_IPV6_CIDR", "fd00::/108"},
                {"--use-max-pods", "USE_MAX_PODS", "false"}};
        Words spaced;
        Words equals{"c"};
        decltype(BootstrapCall::environment) variables;

        for (const auto& [flag, variable, value] : given) {
                spaced.insert(spaced.end(), {flag, value});
                equals.push_back(flag + "=" + value);
                variables.emplace(variable, value);
        }

        spaced.push_back("c");
        const Json expected{{"cluster", {{"name", "c"}, {"apiServerEndpoint", "https://a"},
                                                {"certificateAuthority", "QQ=="}, {"id", "1234"},
                                                {"cidr", "fd00::/108"}, {"enableOutpost", true}}},
                {"kubelet", {{"config", {{"clusterDNS", {"fd00::a"}}}}, {"maxPodsExpression", "110"},
                                    {"flags", {"-v=3"}}}},
                {"instance", {{"localStorage", {{"strategy", "RAID0"}}}}}};

        for (const auto& layer : {parsed(spaced), parsed(equals), parsed({"c"}, variables)}) {
                CHECK(layer.tree == expected);
                CHECK(layer.notes.size() == 8);
        }

        const auto reported = notes(parsed(spaced));
        for (const auto* flag : {"--aws-api-retry-attempts", "--containerd-config-file",
                     "--docker-config-json", "--enable-docker-bridge", "--mount-bpf-fs",
                     "--pause-container-account", "--pause-container-version", "--service-ipv4-cidr"})
                CHECK(reported.find(std::string(flag) + ": ") != std::string::npos);
        CHECK(notes(parsed({"c"}, {{"PAUSE_CONTAINER_IMAGE", "x"}})) ==
                "PAUSE_CONTAINER_IMAGE: the pause image is part of the machine image, ignoring\n");

        for (const auto& option : given)
                CHECK(std::ranges::count(bootstrap_variables(), option[1]) == 1);
}

TEST_CASE("An option wins over its variable, and the last one over those before", "[bootstrap]")
{
        const auto dns = [](const Words& arguments, const std::string& variable) {
                auto words = arguments;
                words.insert(words.begin(), "c");
                const auto found = parsed(words, {{"DNS_CLUSTER_IP", variable}}).tree;
                return found.contains("kubelet") ? found["kubelet"]["config"]["clusterDNS"] : Json();
        };

        CHECK(dns({}, "10.0.0.1") == Json{"10.0.0.1"});
        CHECK(dns({"--dns-cluster-ip", "10.0.0.2"}, "10.0.0.1") == Json{"10.0.0.2"});
        CHECK(dns({"--dns-cluster-ip", "10.0.0.2", "--dns-cluster-ip", "10.0.0.3,10.0.0.4"}, "10.0.0.1") ==
                Json{"10.0.0.3", "10.0.0.4"});
        CHECK(dns({"--dns-cluster-ip", ""}, "10.0.0.1") == nullptr);
}

TEST_CASE("Ranges and families", "[bootstrap]")
{
        const auto cidr = [](Words words) {
                words.insert(words.begin(), "c");
                return tree(words)["cluster"].value("cidr", "none");
        };

        CHECK(cidr({"--service-ipv4-cidr", "192.168.0.0/16"}) == "192.168.0.0/16");
        CHECK(cidr({"--ip-family", "ipv4", "--service-ipv4-cidr", "192.168.0.0/16"}) == "192.168.0.0/16");
        CHECK(cidr({"--service-ipv6-cidr", "fd00::/108"}) == "fd00::/108");
        CHECK(cidr({"--service-ipv4-cidr", "192.168.0.0/16", "--service-ipv6-cidr", "fd00::/108"}) ==
                "fd00::/108");

        // DescribeCluster tells the range.
        CHECK(cidr({"--ip-family", "ipv6"}) == "none");
}

TEST_CASE("An IPv6 address without a length gives the address of the DNS service", "[bootstrap]")
{
        const auto dns = [](const Words& more) {
                Words words{"c", "--service-ipv6-cidr", "fe80::1"};
                words.insert(words.end(), more.begin(), more.end());
                const auto found = tree(words);
                CHECK_FALSE(found["cluster"].contains("cidr"));
                return found["kubelet"]["config"]["clusterDNS"];
        };

        CHECK(dns({}) == Json{"fe80::1a"});
        CHECK(dns({"--service-ipv4-cidr", "10.0.0.0/16"}) == Json{"fe80::1a"});
        CHECK(dns({"--dns-cluster-ip", "fe80::2a"}) == Json{"fe80::2a"});
}

TEST_CASE("Only the word true is true", "[bootstrap]")
{
        const auto expression = [](const std::string& value) {
                const auto found = tree({"c", "--use-max-pods", value});
                return found.contains("kubelet") ? found["kubelet"]["maxPodsExpression"] : Json();
        };

        CHECK(expression("true") == nullptr);

        for (const auto* value : {"false", "no", "True", "1"})
                CHECK(expression(value) == "110");
        CHECK(notes(parsed({"c", "--use-max-pods", "false"})).empty());

        const auto odd = parsed({"c", "--enable-local-outpost", "yes", "--use-max-pods", "no"});
        CHECK(odd.tree["cluster"]["enableOutpost"] == false);
        CHECK(notes(odd) ==
                "--enable-local-outpost: \"yes\" is neither true nor false, and counts as false\n"
                "--use-max-pods: \"no\" is neither true nor false, and counts as false\n");
}

TEST_CASE("Flags are separated and unquoted as systemd did it with KUBELET_EXTRA_ARGS", "[bootstrap]")
{
        CHECK(flags("--a --b=c") == Json{"--a", "--b=c"});
        CHECK(flags("  --a\t--b\n") == Json{"--a", "--b"});
        CHECK(flags("--a=\"b c\" --d") == Json{"--a=b c", "--d"});
        CHECK(flags("--a='b c'") == Json{"--a=b c"});
        CHECK(flags("--node-labels=\"a=b,c=d\"") == Json{"--node-labels=a=b,c=d"});
        CHECK(flags("--max-pods 17 -v 3") == Json{"--max-pods=17", "-v=3"});
        CHECK(flags("--a=$HOME") == Json{"--a=$HOME"});
        CHECK(flags("") == nullptr);
        CHECK(flags(" ") == nullptr);
        CHECK(tree({"c", "--kubelet-extra-args", "--max-pods 29", "--use-max-pods",
                      "false"})["kubelet"]["maxPodsExpression"] == "29");
}

TEST_CASE("What bootstrap.sh ignores becomes a warning", "[bootstrap]")
{
        const auto layer = parsed({"c", "d", "--apiserver-endpont", "x", "--token=pa55"});
        CHECK(layer.tree == only_name);
        CHECK(notes(layer) ==
                "\"--apiserver-endpont\": unknown option; did you mean '--apiserver-endpoint'?, "
                "ignoring it and its value\n"
                "\"--token\": unknown option, ignoring\n"
                "arguments: 1 extra after the cluster name, ignoring\n");
        CHECK(tree({"--unknown", "value", "c"}) == only_name);
        CHECK(tree({"--unknown", "c"}) == only_name);
        CHECK(tree({"--unknown=value", "c"}) == only_name);
        CHECK_FALSE(parse_bootstrap_call({{"c", "--help", "--ip-family"}, {}}));
        CHECK_FALSE(parse_bootstrap_call({{"-h"}, {}}));
}

TEST_CASE("What makes no sense is refused, all at once", "[bootstrap]")
{
        struct Row {
                Words arguments;
                std::string wrong;
        };

        const std::vector<Row> rows{{{}, "bootstrap.sh: the cluster's name: missing"},
                {{""}, "the cluster's name: missing"}, {{"--dns-cluster-ip", "10.0.0.1"}, "name: missing"},
                {{"-x"}, "name: missing"}, {{"c", "--dns-cluster-ip"}, "--dns-cluster-ip: has no value"},
                {{"c", "--dns-cluster-ip", "10.0.0.1,"}, "not an IP address"},
                {{"c", "--ip-family", "ipv5"}, "--ip-family = \"ipv5\": must be ipv4 or ipv6"},
                {{"c", "--ip-family", "ipv6", "--apiserver-endpoint", "https://a", "--b64-cluster-ca",
                         "QQ=="},
                        "--ip-family = \"ipv6\": needs --service-ipv6-cidr or --dns-cluster-ip"},
                {{"c", "--ip-family", "ipv4", "--service-ipv6-cidr", "fd00::/108"},
                        "contradicts --ip-family ipv4"},
                {{"c", "--service-ipv6-cidr", "fe80::1:"}, "not an address range of IPv6"},
                {{"c", "--service-ipv6-cidr", "fe80::12345"}, "not an address range of IPv6"},
                {{"c", "--service-ipv6-cidr", "fe80::1234"}, "not an IP address"},
                {{"c", "--service-ipv4-cidr", "fd00::/108"}, "not an address range of IPv4"},
                {{"c", "--container-runtime", "dockerd"}, "must be containerd"},
                {{"c", "--local-disks", "raid5"}, "must be mount, raid0, raid10 or none"},
                {{"c", "--b64-cluster-ca", "-----BEGIN CERTIFICATE-----"}, "not base64"},
                {{"c", "--kubelet-extra-args", "node-labels=a"},
                        "--kubelet-extra-args: an item is not a flag"},
                {{"c", "--kubelet-extra-args", "--a \"b"}, "it has an unclosed quote"},
                {{"c", "--kubelet-extra-args", "--a=\xff"},
                        "holds a line break or a character beyond ASCII"},
                {{"c\nd"}, "the cluster's name: holds a line break"}};
        for (const auto& row : rows) {
                CAPTURE(row.wrong);
                const auto wrong = refusal([&] { parse_bootstrap_call({row.arguments, {}}); });
                CHECK(wrong.failure == "config-invalid");
                CHECK(wrong.mentions(row.wrong));
                CHECK_FALSE(wrong.remedy.empty());
        }

        const auto all = refusal([] {
                parse_bootstrap_call({{"--ip-family", "ipv5", "--local-disks", "raid5"}, {}});
        });

        for (const auto* text : {"the cluster's name", "--ip-family", "--local-disks"})
                CHECK(all.mentions(text));
}

TEST_CASE("The instance is known from its metadata, its firmware or cloud-init", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        CHECK(refusal([&] { instance_of_machine(root); }).failure == "facts-missing");
        machine.write("/var/lib/cloud/data/instance-id", "nocloud\n");
        CHECK(refusal([&] { instance_of_machine(root); }).failure == "facts-missing");
        machine.write("/var/lib/cloud/data/instance-id", "i-3\n");
        CHECK(instance_of_machine(root) == "i-3");
        machine.write("/sys/devices/virtual/dmi/id/board_asset_tag", "i-2\n");
        CHECK(instance_of_machine(root) == "i-2");
        machine.write(imds_path, R"({"instanceId": "i-1"})");
        CHECK(instance_of_machine(root) == "i-1");
}

TEST_CASE("Files of before a call come back as they were", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        machine.write("/etc/file", "edited");
        ::chmod(root("/etc/file").c_str(), 0640);
        link_atomically(root("/etc/link"), "file");
        const FilesBefore before(root, {"/etc/file", "/etc/link", "/etc/none"});
        link_atomically(root("/etc/file"), "other");
        machine.write("/etc/none", "new");
        write_atomically(root("/etc/link"), "new", 0600, Durability::unsynced);
        before.restore();
        CHECK(read_link_if_exists(root("/etc/file")) == std::nullopt);
        CHECK(read_file(root("/etc/file")) == "edited");

        struct stat st {};
        ::stat(root("/etc/file").c_str(), &st);
        CHECK((st.st_mode & 07777) == 0640);
        CHECK(read_link_if_exists(root("/etc/link")) == "file");
        CHECK_FALSE(exists(root("/etc/none")));
}

TEST_CASE("One call waits for another, up to a time", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        int waits = 0;
        const auto say_busy = [&] { ++waits; };
        {
                const CallLock first(root, std::chrono::milliseconds(0), say_busy);
                CHECK(waits == 0);
                const auto wrong = refusal([&] { CallLock(root, std::chrono::milliseconds(0), say_busy); });
                CHECK(wrong.failure == "apply-busy");
                CHECK(waits == 1);
        }

        CallLock(root, std::chrono::milliseconds(0), say_busy);
        CHECK(waits == 1);
}

TEST_CASE("Two calls of a command are compared key by key", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        const std::string before = "the call before this one set another value: ";
        const auto contradictions = [&](const std::string& instance, const Json& tree) {
                return contradictions_with_earlier_calls(root, {"bootstrap", instance, tree});
        };

        const Json other{{"cluster", {{"name", "b"}, {"cidr", "10.0.0.0/16"}}}};

        CHECK(contradictions("i-1", other).empty());

        write_command_layer(root, {"bootstrap", "i-1", {{"cluster", {{"name", "a"}, {"id", "x"}}}}});
        CHECK(contradictions("i-2", other).empty());
        CHECK(contradictions("i-1", {{"cluster", {{"name", "a"}, {"id", "x"}}}}).empty());
        CHECK(contradictions("i-1", other) ==
                Words{before + "cluster.id was \"x\", and is not given now",
                        before + "cluster.name was \"a\", and is \"b\" now",
                        before + "cluster.cidr was not given, and is \"10.0.0.0/16\" now"});

        machine.write(bootstrap_layer, "# instance: i-1\n[[[");
        CHECK(contradictions("i-1", only_name).empty());
}

TEST_CASE("Warnings about contradicting calls hide secrets", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        const auto contradictions = [&](const Json& earlier, const Json& now) {
                write_command_layer(root, {"bootstrap", "i-1", earlier});
                return contradictions_with_earlier_calls(root, {"bootstrap", "i-1", now});
        };

        const auto environment = [](const std::string& token) {
                return Json{{"instance", {{"environment", {{"default", {{"SITE_TOKEN", token}}}}}}}};
        };

        const auto flag = [](const std::string& token) {
                return Json{{"kubelet", {{"flags", {"--manifest-url-header=Authorization:" + token}}}}};
        };

        const std::string before = "the call before this one set another value: ";

        CHECK(contradictions(environment("one"), environment("two")) ==
                Words{before + "instance.environment.default.SITE_TOKEN has changed"});
        CHECK(contradictions(flag("one"), flag("two")) == Words{before + "kubelet.flags.0 has changed"});
}

TEST_CASE("Calls of several commands contradict each other where both set a key", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        write_command_layer(root,
                {"nodeadm", "i-1",
                        {{"cluster", {{"name", "a"}, {"id", "x"}}}, {"kubelet", {{"flags", {"--v=3"}}}}}});
        write_command_layer(
                root, {"bootstrap", "i-1", {{"cluster", {{"name", "c"}, {"cidr", "10.0.0.0/16"}}}}});
        const auto reported = contradictions_with_earlier_calls(root,
                {"bootstrap", "i-1", {{"cluster", {{"name", "b"}}}, {"kubelet", {{"flags", {"--v=4"}}}}}});
        CHECK(reported ==
                Words{"'/var/lib/eks/commands.d/nodeadm.toml' set another value: cluster.name was \"a\", and is "
                      "\"b\" now",
                        "the call before this one set another value: cluster.cidr was \"10.0.0.0/16\", and is "
                        "not given now",
                        "the call before this one set another value: cluster.name was \"c\", and is \"b\" now",
                        "the call before this one set another value: kubelet.flags.0 was not given, and is "
                        "\"--v=4\" now"});
        CHECK(contradictions_with_earlier_calls(root, {"bootstrap", "i-2", only_name}).empty());
}

TEST_CASE("What a script changed in kubelet-config.json is found", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        std::vector<Note> reported;
        const auto edits = [&] { return edits_of_kubelet_config(root, reported); };
        CHECK(edits() == Json::object());

        const Json vendor{{"kind", "KubeletConfiguration"},
                {"evictionHard", {{"memory.available", "100Mi"}, {"a", "b"}}}, {"address", "0.0.0.0"},
                {"list", {1, 2}}};
        machine.write("/usr/share/eks/kubelet/config.json", vendor.dump(4));
        machine.write(kubelet_config_link, vendor.dump(4));
        CHECK(edits() == Json::object());

        auto edited = vendor;
        edited["evictionHard"]["memory.available"] = "200Mi";
        edited["kubeAPIQPS"] = 50;
        edited["list"] = {1};
        machine.write(kubelet_config_link, edited.dump());
        CHECK(edits() ==
                Json{{"evictionHard", {{"memory.available", "200Mi"}}}, {"kubeAPIQPS", 50}, {"list", {1}}});
        CHECK(reported.empty());

        edited.erase("address");
        machine.write(kubelet_config_link, edited.dump());
        edits();
        REQUIRE(reported.size() == 1);
        CHECK(reported[0].text.find("lacks address") != std::string::npos);

        // Once there is a rendering of ours, it is what was edited.
        machine.write("/var/lib/eks/rendered/etc/kubernetes/kubelet/config.json", edited.dump());
        CHECK(edits() == Json::object());

        machine.write(kubelet_config_link, "{");
        CHECK(refusal(edits).failure == "config-syntax");
}

TEST_CASE("What scripts changed in other files of Amazon Linux 2 is found", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        std::vector<Note> reported;
        const auto edits = [&](const std::string& type) { return edits_of_files(root, type, reported); };
        CHECK(edits("m5.large") == Json::object());

        const std::string table = "# a comment\nm5.large 29\nm5.large-not 7\nm5.xlarge 58\n";
        const std::string config = "version = 2\n[a]\nb = 1\nc = 'SANDBOX_IMAGE'\n[a.d]\ne = true\n";
        machine.write("/usr/share/eks/eni-max-pods.txt", table);
        machine.write("/usr/share/eks/containerd/config-2.toml", config);
        machine.write(max_pods_edited, table);
        machine.write(containerd_config_edited, config);
        CHECK(edits("m5.large") == Json::object());

        machine.write(max_pods_edited, "m5.large 29\nm5.xlarge \t 99\nown.type 5\n");
        CHECK(edits("m5.large") == Json::object());
        CHECK(edits("") == Json::object());
        CHECK(edits("m5.xlarge")["kubelet"]["maxPodsExpression"] == "99");
        CHECK(edits("own.type")["kubelet"]["maxPodsExpression"] == "5");

        machine.write(containerd_config_edited, config + "f = 'new'\n[g]\nh = [1]\n");
        CHECK(edits("m5.large") ==
                Json{{"containerd", {{"config", "version = 2\n\n[a.d]\nf = 'new'\n\n[g]\nh = [ 1 ]\n"}}}});

        machine.write(containerd_config_edited, config + "e = false\n");
        CHECK(refusal([&] { edits("m5.large"); }).failure == "config-syntax");
}

TEST_CASE("Flags that scripts added to the unit of kubelet are found, and other edits of units named",
        "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        const std::string unit =
                "# Why: ExecStart=/bin/false\n[Service]\nEnvironment=A=b\nExecStart=/usr/bin/kubelet \\\n"
                "    --config /c.json \\\n    $KUBELET_ARGS \\\n    $KUBELET_EXTRA_ARGS\n";
        machine.write("/usr/share/eks/containerd/kubelet-containerd.service", unit);
        machine.write("/usr/share/eks/containerd/sandbox-image.service", "[Service]\nType=oneshot\n");
        std::vector<Note> reported;
        const auto edits = [&](const std::string& what, const std::string& into) {
                auto text = unit;
                text.replace(text.find(what), what.size(), into);
                machine.write(kubelet_unit_edited, text);
                reported.clear();
                const auto tree = edits_of_files(root, "m5.large", reported);
                return tree.contains("kubelet") ? tree["kubelet"]["flags"] : Json();
        };

        const auto is_named = [&](const std::string& settings) {
                return reported.size() == 1 && reported[0].level == Level::warning &&
                       reported[0].text.find("changes of " + settings + " have none") != std::string::npos;
        };

        CHECK(edits("[Service]", "[Service]") == Json());
        CHECK(edits("# Why", "; Or\n\n# Why") == Json());
        CHECK(reported.empty());
        CHECK(edits("$KUBELET_EXTRA_ARGS", "--v=4 --node-labels a=b,c=d $KUBELET_EXTRA_ARGS") ==
                Json{"--v=4", "--node-labels=a=b,c=d"});
        CHECK(edits("    --config", "    --max-pods=9 \\\n    --config") == Json{"--max-pods=9"});
        CHECK(reported.empty());

        CHECK(edits("$KUBELET_EXTRA_ARGS", "--v=4") == Json{"--v=4"});
        CHECK(is_named("ExecStart="));
        CHECK(edits("$KUBELET_EXTRA_ARGS", "$KUBELET_EXTRA_ARGS --node-ip=${IP}") == Json());
        CHECK(is_named("ExecStart="));
        CHECK(edits("Environment=A=b", "EnvironmentFile=/etc/environment\nSlice=a.slice") == Json());
        CHECK(is_named("Environment=, EnvironmentFile=, Slice="));

        machine.write(kubelet_unit_edited, unit);
        machine.write(sandbox_unit_edited, "[Service]\nType=simple\n");
        reported.clear();
        CHECK(edits_of_files(root, "m5.large", reported) == Json::object());
        REQUIRE(reported.size() == 1);
        CHECK(reported[0].text.find(sandbox_unit_edited) != std::string::npos);
}

TEST_CASE("A configuration file of containerd that a call names is taken over", "[bootstrap]")
{
        BootstrapCall call{.arguments = {"c", "--containerd-config-file", "/srv/c.toml"}, .environment = {}};
        call.read = [](const std::string& path) {
                if (path != "/srv/c.toml")
                        throw Error(failure::file_io, "cannot read it");
                return std::string("version = 2\n  sandbox_image = \"SANDBOX_IMAGE\"\n[a]\n");
        };

        const auto layer = parse_bootstrap_call(call).value();
        CHECK(layer.tree["containerd"]["config"] == "version = 2\n[a]\n");
        CHECK(layer.notes.empty());

        call.arguments.back() = "/srv/none.toml";
        const auto wrong = refusal([&] { parse_bootstrap_call(call); });
        CHECK(wrong.failure == "config-invalid");
        CHECK(wrong.mentions("--containerd-config-file = \"/srv/none.toml\": cannot read it"));
}

TEST_CASE("Variables of the AWS CLI that bootstrap.sh handed on are named", "[bootstrap]")
{
        BootstrapCall call{.arguments = {"c"},
                .environment = {{"HTTPS_PROXY", "http://user:pa55@proxy"}, {"AWS_PROFILE", "p"},
                        {"AWS_CA_BUNDLE", ""}}};
        const auto reported = notes(parse_bootstrap_call(call).value());
        CHECK(reported.find(
                      "HTTPS_PROXY: eks-cluster.service asks EKS for the cluster and does not see it") !=
                std::string::npos);
        CHECK(reported.find(
                      "AWS_PROFILE: eks-cluster.service, which asks EKS for the cluster, does not read it") !=
                std::string::npos);
        CHECK(reported.find("AWS_CA_BUNDLE") == std::string::npos);
        CHECK(reported.find("pa55") == std::string::npos);

        // With all that EKS would be asked for they have no meaning.
        call.arguments = {"c", "--apiserver-endpoint", "https://example.com", "--b64-cluster-ca",
                "Y2E=", "--service-ipv4-cidr", "10.100.0.0/16"};
        CHECK(notes(parse_bootstrap_call(call).value()).find("AWS_PROFILE") == std::string::npos);
}

TEST_CASE("Variables that a script had bootstrap.sh source count as its environment", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto path = machine.root()("/etc/profile.d/bootstrap.sh");

        BootstrapCall call{.arguments = {"c", "--kubelet-extra-args", "--a=b"},
                .environment = {{"DNS_CLUSTER_IP", "10.0.0.1"}, {"IP_FAMILY", "ipv4"}}};
        for (const auto name : bootstrap_variables()) // of the environment of this test
                if (const char* value = std::getenv(std::string(name).c_str()))
                        call.environment.try_emplace(std::string(name), value);
        CHECK(add_sourced_settings(call, path).empty());

        machine.write("/etc/profile.d/bootstrap.sh",
                "echo noise\nUNKNOWN=x\nexport USE_MAX_PODS=false DNS_CLUSTER_IP=10.0.0.2 IP_FAMILY=ipv4\n"
                "KUBELET_EXTRA_ARGS=\"--c='d e'\n--max-pods=9\"\nread line\nfalse\n");
        CHECK(add_sourced_settings(call, path) ==
                Words{"DNS_CLUSTER_IP", "KUBELET_EXTRA_ARGS", "USE_MAX_PODS"});

        const auto layer = parse_bootstrap_call(call).value();
        CHECK(layer.tree["kubelet"] == Json{{"flags", {"--a=b", "--c=d e", "--max-pods=9"}},
                                               {"maxPodsExpression", "9"},
                                               {"config", {{"clusterDNS", {"10.0.0.2"}}}}});

        BootstrapCall without{.arguments = {"c"}, .environment = {}};
        add_sourced_settings(without, path);
        CHECK(parse_bootstrap_call(without).value().tree["kubelet"]["flags"] ==
                Json{"--c=d e", "--max-pods=9"});

        machine.write("/etc/profile.d/bootstrap.sh", "IP_FAMILY=ipv6\nexit 0\n");
        const auto wrong = refusal([&] { add_sourced_settings(call, path); });
        CHECK(wrong.failure == "config-invalid");
        CHECK(wrong.mentions("calls exit"));
        CHECK(call.environment["IP_FAMILY"] == "ipv4");
}

TEST_CASE("The type of the instance is known from its metadata or its firmware", "[bootstrap]")
{
        const TemporaryDirectory machine;
        CHECK(type_of_machine(machine.root()).empty());
        machine.write("/sys/devices/virtual/dmi/id/product_name", "m5.large\n");
        CHECK(type_of_machine(machine.root()) == "m5.large");
        machine.write(imds_path, R"({"instanceType": "m5.xlarge"})");
        CHECK(type_of_machine(machine.root()) == "m5.xlarge");
}

TEST_CASE("Edits add to earlier edits and do not count as a call", "[bootstrap]")
{
        const TemporaryDirectory machine;
        const auto root = machine.root();
        machine.write(imds_path, R"({"instanceId": "i-1"})");
        const auto add = [&](const Json& config) {
                add_edits(root, kubelet_edits_layer, "i-1", {{"kubelet", {{"config", config}}}},
                        Durability::unsynced);
        };
        add({{"a", 1}, {"b", {{"c", 2}}}});
        add({{"b", {{"d", 3}}}});
        CHECK(layer_of_instance(root, kubelet_edits_layer, "i-1") ==
                Json{{"kubelet", {{"config", {{"a", 1}, {"b", {{"c", 2}, {"d", 3}}}}}}}});
        CHECK_FALSE(was_called(root));
        CHECK_FALSE(resolve_node_layers(root).was_called);
        write_command_layer(root, {"bootstrap", "i-1", only_name});
        CHECK(was_called(root));
}
