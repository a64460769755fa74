// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ostream>
#include <random>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/text.hpp"
#include "checks/checks.hpp"
#include "config/known_keys.hpp"
#include "config/node_config.hpp"
#include "support.hpp"

using namespace eks;

namespace eks {

std::ostream& operator<<(std::ostream& out, const Note& note)
{
        return out << (note.level == Level::warning ? "warning: " : "info: ") << note.text;
}

} // namespace eks

namespace {

const Json no_facts;

// The facts of an instance in these ranges; its second interface is the first in the list.
Json facts(
        const Json& ipv4_ranges, const Json& ipv6_ranges = Json::array(), const Json& ipv6s = Json::array())
{
        return {{"mac", "0e:00:00:00:00:01"},
                {"interfaces",
                        {{{"mac", "0e:00:00:00:00:02"}, {"deviceNumber", 1}, {"ipv6s", {"2001:db8::2"}},
                                 {"vpcIpv4Cidrs", ipv4_ranges}, {"vpcIpv6Cidrs", Json::array()}},
                                {{"mac", "0e:00:00:00:00:01"}, {"deviceNumber", 0}, {"ipv6s", ipv6s},
                                        {"vpcIpv4Cidrs", ipv4_ranges}, {"vpcIpv6Cidrs", ipv6_ranges}}}}};
}

struct Checked {
        test::Refusal refusal; // failure "nothing" if all is well
        std::vector<Note> notes;

        bool warns(std::string_view text) const { return has(Level::warning, text); }
        bool doubts(std::string_view text) const
        {
                return refusal.failure == "nothing" && std::ranges::any_of(notes, [&](const Note& note) {
                        return note.strict && note.level == Level::warning &&
                               note.text.find(text) != std::string::npos;
                });
        }
        bool informs(std::string_view text) const { return has(Level::info, text); }

private:
        bool has(Level level, std::string_view text) const
        {
                return std::ranges::any_of(notes, [&](const Note& note) {
                        return note.level == level && note.text.find(text) != std::string::npos;
                });
        }
};

Checked checked_layer(const Layer& layer, const Json& imds = no_facts)
{
        Checked result;
        result.refusal = test::refusal([&] {
                Problems problems;
                check_values(
                        node_spec(layer.tree, layer.marks, problems), layer, imds, problems, result.notes);
                problems.throw_if_any(failure::config_invalid);
        });

        for (const auto& note : result.notes) {
                CAPTURE(note);
                CHECK_FALSE(has_control_characters(note.text));
                CHECK((note.level == Level::info || note.text.ends_with("proceeding") ||
                        note.text.ends_with("ignoring") ||
                        note.text.find(" is deprecated; set ") != std::string::npos));
        }

        return result;
}

Layer layer_of(const std::string& spec, const std::string& source)
{
        return parse_node_config(
                "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n" + spec, source);
}

// `spec` stands below line 3.
Checked checked(const std::string& spec, const Json& imds = no_facts)
{
        return checked_layer(layer_of(spec, "user data"), imds);
}

Checked checked_cluster(const std::string& key, const std::string& value, const Json& imds = no_facts)
{
        return checked("  cluster:\n    " + key + ": " + Json(value).dump() + "\n", imds);
}

Checked checked_config(const std::string& yaml)
{
        return checked("  kubelet:\n    config:\n      " + yaml + "\n");
}

// A layer per list of flags, with the marks that a merge should leave.
using Flags = std::vector<std::string>;

Checked checked_layers(const std::vector<Flags>& layers)
{
        Layer merged;
        auto& flags = merged.tree["kubelet"]["flags"] = Json::array();

        for (std::size_t layer = 0; layer < layers.size(); ++layer)
                for (const auto& flag : layers[layer]) {
                        merged.marks["kubelet.flags[" + std::to_string(flags.size()) + "]"] = {
                                "layer " + std::to_string(layer + 1), static_cast<int>(flags.size()) + 1, 3};
                        flags.push_back(flag);
                }

        return checked_layer(merged);
}

Checked checked_flags(const Flags& flags)
{
        return checked_layers({flags});
}

} // namespace

TEST_CASE("An ordinary configuration is in order, with and without facts", "[checks]")
{
        const std::string spec =
                "  cluster:\n    name: my-cluster\n    apiServerEndpoint: "
                "https://EXAMPLE.gr7.us-west-2.eks.amazonaws.com\n    certificateAuthority: "
                "Y2VydGlmaWNhdGVBdXRob3JpdHk=\n    cidr: 10.100.0.0/16\n  featureGates: "
                "{InstanceIdNodeName: true, FastImagePull: false}\n  kubelet:\n    config:\n      kind: "
                "KubeletConfiguration\n      apiVersion: kubelet.config.k8s.io/v1beta1\n      maxPods: "
                "110\n      registerWithTaints: [{key: a, value: b, effect: NoSchedule}, {key: a, effect: "
                "NoExecute}]\n    flags:\n    - "
                "--node-labels=eks.amazonaws.com/nodegroup=x,team=a,,empty=,bare\n    - "
                "--node-labels=other=b,team=a\n    - --v=5\n";

        for (const auto& imds : {no_facts, facts({"10.0.0.0/16", "100.64.0.0/16"}), Json::object(),
                     Json::array(), Json("text"), Json{{"interfaces", 5}},
                     Json{{"interfaces", {1, nullptr, {{"vpcIpv4Cidrs", {1, "x"}}}}}}}) {
                CAPTURE(imds);
                const auto result = checked(spec, imds);
                CHECK(result.refusal.failure == "nothing");
                CHECK(result.notes.empty());
        }

        CHECK(checked_layer({}).refusal.failure == "nothing");
}

TEST_CASE("Values of the cluster that cannot be right are refused, each with one reason", "[checks]")
{
        struct Row {
                std::string key;
                std::string value;
                std::string reported;
        };

        const std::vector<Row> rows{
                {"name", " my-cluster",
                        "cluster.name = \" my-cluster\": has blanks or line breaks around it"},
                {"name", "my-cluster\n", "cluster.name = \"my-cluster\\n\": has blanks"},
                {"name", "my cluster", "cluster.name = \"my cluster\": not a name of an EKS cluster"},
                {"name", "-a", "not a name"},
                {"name", std::string(101, 'a'), "not a name"},
                {"apiServerEndpoint", "ftp://a.b", "not an https URL"},
                {"apiServerEndpoint", "a.b/c", "not an https URL"},
                {"apiServerEndpoint", "https://", "not an https URL"},
                {"apiServerEndpoint", "https://a b", "not an https URL"},
                {"apiServerEndpoint", "https://me:secret@", "not an https URL"},
                {"apiServerEndpoint", "https://a.b:0", "not an https URL"},
                {"cidr", "10.100.0.0/16 ", "cluster.cidr = \"10.100.0.0/16 \": has blanks"},
                {"cidr", "10.100.0.0", "not an address range"},
                {"cidr", "10.100.0.0/33", "not an address range"},
                {"cidr", "a/8", "not an address range"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.value);
                const auto result = checked_cluster(row.key, row.value);
                CHECK(result.refusal.failure == "config-invalid");
                CHECK(result.refusal.mentions("user data, line 5, column 5: cluster." + row.key));
                CHECK(result.refusal.mentions(row.reported));
                CHECK(result.refusal.what.find("; ") == std::string::npos);
                CHECK_FALSE(result.refusal.mentions("secret"));
                CHECK_FALSE(result.refusal.remedy.empty());
        }
}

TEST_CASE("An endpoint that only EKS would not have is worth a warning", "[checks]")
{
        struct Row {
                std::string endpoint;
                std::string reported;
        };
        for (const auto& row : {Row{"http://a.b", "\"http://a.b\": not an https URL: others on the network"},
                     Row{"https://a.b\n", "has blanks or line breaks around it, which are cut off"},
                     Row{"HTTPS://a.b", "read as an https URL"}, Row{"a.b", "read as an https URL"},
                     Row{"a.b:443", "read as an https URL"},
                     Row{"https://me:secret@a.b/", "@a.b/\": kubelet sends this user name too"},
                     Row{"https://a.b/c?token=secret", "\": kubelet drops the query or fragment"},
                     Row{"https://a.b/#x@y", "kubelet drops the query or fragment"}}) {
                CAPTURE(row.endpoint);
                const auto result = checked_cluster("apiServerEndpoint", row.endpoint);
                CHECK(result.doubts("user data, line 5, column 5: cluster.apiServerEndpoint = "));
                CHECK(result.doubts(row.reported));
                CHECK_FALSE(result.doubts("secret"));
        }
}

TEST_CASE("A service range that is the VPC's is worth a warning", "[checks]")
{
        struct Row {
                std::string service;
                std::string vpc;
                bool overlaps;
        };

        const std::vector<Row> rows{
                {"10.100.0.0/16", "10.0.0.0/16", false},
                {"10.100.0.0/16", "10.0.0.0/8", true},
                {"10.100.0.0/16", "10.100.128.0/17", true},
                {"10.100.0.0/16", "10.100.0.0/16", true},
                {"10.100.0.0/16", "10.101.0.0/16", false},
                {"172.20.0.0/16", "172.16.0.0/12", true},
                {"172.20.0.0/16", "172.16.0.0/14", false},
                {"10.100.0.0/16", "10.100.255.255/32", true},
                {"10.100.0.0/16", "0.0.0.0/0", true},
                {"10.100.0.0/16", "not a range", false},
                {"10.100.0.0/16", "fd00::/8", false},
        };

        for (const auto& row : rows) {
                CAPTURE(row.service, row.vpc);
                const auto result = checked_cluster("cidr", row.service, facts({"192.168.0.0/24", row.vpc}));
                CHECK(result.refusal.failure == "nothing");
                CHECK(result.doubts("overlaps " + row.vpc + " of the VPC") == row.overlaps);
        }
}

TEST_CASE("An IPv6 service range needs an IPv6 address, and a range of its own", "[checks]")
{
        const auto with_address = Json::array({"2001:db8::1"});
        const auto vpc = Json::array({"2001:db8::/56"});
        CHECK(checked_cluster("cidr", "fd30::/108", facts({"10.0.0.0/16"}, vpc, with_address))
                        .refusal.failure == "nothing");
        CHECK(checked_cluster("cidr", "2001:db8:0:80::/108", facts({}, vpc, with_address))
                        .doubts("cluster.cidr = \"2001:db8:0:80::/108\": overlaps 2001:db8::/56 "
                                "of the VPC"));
        CHECK(checked_cluster("cidr", "2001:db8:0:100::/108", facts({}, vpc, with_address))
                        .refusal.failure == "nothing");

        const auto without = checked_cluster("cidr", "fd30::/108", facts({"10.0.0.0/16"}));
        CHECK(without.refusal.failure == "config-invalid");
        CHECK(without.refusal.mentions("primary interface has no IPv6 address"));
        CHECK(checked_cluster("cidr", "10.100.0.0/16", facts({"10.0.0.0/16"})).refusal.failure == "nothing");

        // what the facts do not say is unknown
        for (const auto& imds :
                {Json::object(), Json{{"interfaces", Json::array()}}, Json{{"mac", "0e:00:00:00:00:01"}}})
                CHECK(checked_cluster("cidr", "fd30::/108", imds).refusal.failure == "nothing");
}

TEST_CASE("The family fits the range and what the instance has", "[checks]")
{
        const auto with = [](const std::string& family, const std::string& cidr, const Json& imds) {
                Layer layer;
                layer.tree["cluster"] = {{"ipFamily", family}};
                if (!cidr.empty())
                        layer.tree["cluster"]["cidr"] = cidr;
                layer.marks["cluster.ipFamily"] = {"/etc/eks/node.toml", 2, 1};
                return checked_layer(layer, imds);
        };

        const auto ipv4_only = facts({"10.0.0.0/16"});
        const auto both =
                facts({"10.0.0.0/16"}, Json::array({"2600::/56"}), Json::array({"fe80::1", "2600::1"}));
        const std::string no_address = "/etc/eks/node.toml, line 2, column 1: cluster.ipFamily = ";

        for (const auto* family : {"ipv6", "dual-stack"}) {
                CAPTURE(family);
                CHECK(with(family, "fd30::/108", both).refusal.failure == "nothing");
                CHECK(with(family, "fd30::/108", no_facts).refusal.failure == "nothing");
                CHECK(with(family, "", both).refusal.failure == "nothing");

                const auto without = with(family, "fd30::/108", ipv4_only);
                CHECK(without.refusal.failure == "config-invalid");
                CHECK(without.refusal.mentions(no_address));
                CHECK(without.refusal.mentions("primary interface has no IPv6 address"));
                CHECK_FALSE(without.refusal.mentions("cluster.cidr"));
                CHECK(with(family, "", facts({}, {}, Json::array({"fe80::1"}))).refusal.failure ==
                        "config-invalid");
        }

        CHECK(with("dual-stack", "10.100.0.0/16", both).refusal.failure == "nothing");
        CHECK(with("ipv4", "10.100.0.0/16", ipv4_only).refusal.failure == "nothing");

        for (const auto& imds : {both, ipv4_only, no_facts}) {
                CHECK(with("ipv4", "fd30::/108", imds)
                                .refusal.mentions("\"ipv4\": contradicts cluster.cidr, fd30::/108"));
                CHECK(with("ipv6", "10.100.0.0/16", imds)
                                .refusal.mentions("\"ipv6\": contradicts cluster.cidr, 10.100.0.0/16"));
        }
}

TEST_CASE("Labels and taints of the node are checked with the facts filled in", "[checks]")
{
        const Json imds{{"instanceType", "m5.large"}, {"tags", {{"team", "a"}, {"bad", "a b"}}}};
        const auto labels = [](const Json& given, const Json& facts) {
                Layer layer;
                layer.tree["node"]["labels"] = given;
                layer.marks["node.labels"] = {"/etc/eks/node.toml", 3, 1};
                return checked_layer(layer, facts);
        };

        for (const auto& facts : {imds, no_facts}) {
                CHECK(labels({{"team", "${tag.team}"}, {"a.b/c", "${imds.instanceType}"}, {"e", ""}}, facts)
                                .refusal.failure == "nothing");
                CHECK(labels({{"a b", "c"}}, facts)
                                .refusal.mentions(
                                        "/etc/eks/node.toml, line 3, column 1: node.labels.\"a b\" = "
                                        "\"c\": not a label: the key may hold only"));
                CHECK(labels({{"k8s.io/x", "y"}}, facts).refusal.mentions("NodeRestriction"));
                CHECK(labels({{"a", "b c"}}, facts)
                                .refusal.mentions("not a label: the value may hold only"));
                CHECK(labels({{"a", "${imds.type}"}}, facts).refusal.mentions("no fact is known as"));
        }

        const auto absent = labels({{"a", "${tag.owner}"}}, imds).refusal;
        CHECK(absent.failure == "config-invalid");
        CHECK(absent.mentions("node.labels.a = \"${tag.owner}\": the instance has no tag 'owner'"));
        CHECK(absent.remedy.find("${tag.owner:-VALUE}") != std::string::npos);
        CHECK(labels({{"a", "${tag.owner}"}}, no_facts).refusal.failure == "nothing");
        CHECK(labels({{"a", "${tag.bad}"}}, imds).refusal.mentions("not a label: it is 'a b' here, and"));

        const auto taints = [](const Json& given, const Json& facts) {
                Layer layer;
                layer.tree["node"]["taints"] = given;
                return checked_layer(layer, facts);
        };

        CHECK(taints({"a=${tag.team}:NoSchedule", "a:NoExecute"}, imds).refusal.failure == "nothing");
        CHECK(taints({"a=${tag.owner}:NoSchedule"}, no_facts).refusal.failure == "nothing");
        CHECK(taints({"a=b"}, no_facts)
                        .refusal.mentions("node.taints[0] = \"a=b\": not a taint: it has no effect"));
        CHECK(taints({"a=${tag.bad}:NoSchedule"}, imds)
                        .refusal.mentions("not a taint: it is 'a=a b:NoSchedule' here, and"));
        CHECK(taints({"a=b:NoSchedule", "a=${tag.team}:NoSchedule"}, imds)
                        .refusal.mentions(
                                "node.taints[1] = \"a=${tag.team}:NoSchedule\": taint 'a' is there twice"));
}

TEST_CASE("A note names what overrides the node's labels and taints", "[checks]")
{
        const auto with = [](const std::string& flag, const std::string& source) {
                Layer layer;
                layer.tree["node"] = {
                        {"labels", {{"team", "a"}, {"x", "${tag.x}"}}}, {"taints", {"a:NoSchedule"}}};
                layer.tree["kubelet"]["flags"] = {flag};
                layer.marks["node.labels"] = layer.marks["node.taints"] = {"/etc/eks/node.toml"};
                layer.marks["kubelet.flags[0]"] = {source};
                return checked_layer(layer);
        };

        const auto label = with("--node-labels=team=b", "user data");
        CHECK(label.refusal.failure == "nothing");
        CHECK(label.warns("kubelet.flags[0] = \"--node-labels=team=b\": label 'team' overrides 'a' of "
                          "node.labels.team (/etc/eks/node.toml), proceeding"));
        CHECK(with("--node-labels=team=a,x=y", "user data").notes.empty());
        CHECK(with("--node-labels=team=b", "/etc/eks/node.toml")
                        .doubts("label 'team' has the values 'a' and 'b', the first in "
                                "node.labels.team; kubelet takes the last, proceeding"));
        CHECK(with("--register-with-taints=b:NoSchedule", "user data")
                        .warns("the flag replaces the taints of node.taints (/etc/eks/node.toml), "
                               "proceeding"));

        Layer layer;
        layer.tree["node"]["taints"] = {"a:NoSchedule"};
        layer.tree["kubelet"]["config"]["registerWithTaints"] = Json::array();
        CHECK(checked_layer(layer).warns(
                "it replaces the taints of node.taints (configuration), proceeding"));
}

TEST_CASE("A name of the user's own is one that a node can have", "[checks]")
{
        CHECK(checked_flags({"--hostname-override=ip-1.internal"}).refusal.failure == "nothing");

        for (const auto* bad :
                {"--hostname-override=a..b", "--hostname-override=-", "--hostname-override=a_b"})
                CHECK(checked_flags({bad}).refusal.mentions("kubelet.flags[0] = "));
        CHECK(checked_flags({"--hostname-override="}).doubts("kubelet takes the machine's own name"));

        const auto named = [](const std::string& name, const Json& imds) {
                Layer layer;
                layer.tree["instance"]["nodeName"] = name;
                layer.marks["instance.nodeName"] = {"/etc/eks/node.toml", 2, 1};
                return checked_layer(layer, imds).refusal;
        };

        const Json imds{{"instanceId", "i-1"}, {"tags", {{"bad", "a b"}}}};
        CHECK(named("node-1.internal", no_facts).failure == "nothing");
        CHECK(named("${imds.instanceId}.corp", imds).failure == "nothing");
        CHECK(named("${tag.bad}", no_facts).failure == "nothing");
        CHECK(named("a_b", no_facts)
                        .mentions("/etc/eks/node.toml, line 2, column 1: instance.nodeName = \"a_b\": the "
                                  "name is "
                                  "not a DNS name"));
        CHECK(named("${tag.bad}", imds).mentions("not a DNS name"));
        CHECK(named("${imds.other}", imds).mentions("no fact is known as"));
}

TEST_CASE("A range that does not begin where it says is worth a warning", "[checks]")
{
        for (const auto* right :
                {"10.100.0.0/16", "10.100.7.0/24", "10.0.0.1/32", "0.0.0.0/0", "fd30::/108", "::/0"})
                CHECK(checked_cluster("cidr", right).notes.empty());
        CHECK(checked_cluster("cidr", "10.100.1.0/16")
                        .warns("user data, line 5, column 5: cluster.cidr = \"10.100.1.0/16\": the range "
                               "begins at 10.100.0.0, so the address of the cluster's DNS service may be "
                               "wrong (10.100.1.10)"));
        CHECK(checked_cluster("cidr", "10.100.0.1/31").warns("begins at 10.100.0.0,"));
        CHECK(checked_cluster("cidr", "fd30::5/108")
                        .warns("begins at fd30::, so the address of the cluster's DNS service may be wrong "
                               "(fd30::5a)"));
}

TEST_CASE("An unknown feature gate is ignored with a hint", "[checks]")
{
        const auto result = checked("  featureGates:\n    InstanceIDNodeName: true\n    Other: false\n");
        CHECK(result.refusal.failure == "nothing");
        CHECK(result.notes.size() == 2);
        CHECK(result.warns("user data, line 5, column 5: featureGates.InstanceIDNodeName = \"true\": not a "
                           "feature gate of this version (did you mean 'InstanceIdNodeName'?), ignoring"));
        CHECK(result.warns("featureGates.Other = \"false\": not a feature gate of this version, ignoring"));
}

TEST_CASE("kubelet.config is kubelet's kind and version, or says nothing of it", "[checks]")
{
        CHECK(checked_config("kind: ~").refusal.failure == "nothing");

        const auto kind = checked_config("kind: NodeConfig");
        CHECK(kind.refusal.mentions("user data, line 6, column 7: kubelet.config.kind = \"NodeConfig\": "
                                    "must be 'KubeletConfiguration'"));
        CHECK(checked_config("kind: 5").refusal.mentions("kubelet.config.kind = \"5\""));
        CHECK(checked_config("apiVersion: kubelet.config.k8s.io/v1")
                        .refusal.mentions("must be 'kubelet.config.k8s.io/v1beta1'"));
}

TEST_CASE("maxPods is a whole number that fits kubelet's type", "[checks]")
{
        for (const auto* good : {"1", "110", "250", "20.0", "~"})
                CHECK(checked_config(std::string("maxPods: ") + good).notes.empty());

        for (const auto* many : {"251", "737", "2147483647"}) {
                const auto result = checked_config(std::string("maxPods: ") + many);
                CHECK(result.refusal.failure == "nothing");
                CHECK(result.warns("kubelet.config.maxPods = \"" + std::string(many) +
                                   "\": EKS recommends at most 250 pods"));
        }

        CHECK(checked_config("maxPods: 0").doubts("kubelet.config.maxPods = \"0\": the node takes no pods"));

        for (const auto* bad :
                {"-1", "2147483648", "9223372036854775807", "20.5", "\"20\"", "true", "[20]", "{}"}) {
                CAPTURE(bad);
                const auto result = checked_config(std::string("maxPods: ") + bad);
                CHECK(result.refusal.failure == "config-invalid");
                CHECK(result.refusal.mentions("user data, line 6, column 7: kubelet.config.maxPods = "));
                CHECK(result.refusal.mentions("not a whole number from 0 to 2147483647"));
        }

        Layer layer;
        layer.tree["kubelet"]["config"]["maxPods"] = UINT64_MAX;
        CHECK(checked_layer(layer).refusal.mentions(
                "configuration: kubelet.config.maxPods = \"18446744073709551615\""));

        CHECK(checked_flags({"--max-pods=-1"})
                        .refusal.mentions("kubelet.flags[0] = \"--max-pods=-1\": not a whole number"));
        CHECK(checked_flags({"--max-pods=many"}).refusal.mentions("not a whole number"));
        CHECK(checked_flags({"--max-pods", "99999999999999999999"}).refusal.mentions("not a whole number"));
        CHECK(checked_flags({"--max-pods=300"}).warns("at most 250 pods"));
}

TEST_CASE("Taints in kubelet.config are checked one by one", "[checks]")
{
        struct Row {
                std::string taints;
                std::string reported;
        };
        const std::vector<Row> rows{
                {"text", "kubelet.config.registerWithTaints = \"text\": must be a list of taints"},
                {"[text]", "kubelet.config.registerWithTaints[0] = \"text\": not a taint: must be a map of "
                           "strings"},
                {"[{key: a, value: 5, effect: NoSchedule}]", "must be a map of strings"},
                {"[{key: a, value: b}]", "not a taint: it has no effect"},
                {"[{value: b, effect: NoSchedule}]", "not a taint: the key is empty"},
                {"[{key: a, effect: NoSchedul}]", "its effect is not NoSchedule"},
                {"[{key: a/b/c, effect: NoSchedule}]", "more than one '/'"},
                {"[{key: a, value: b c, effect: NoSchedule}]", "the value may hold only"},
                {"[{key: a, effect: NoSchedule}, {key: a, value: b, effect: NoSchedule}]",
                        "registerWithTaints[1] = "
                        "\"{\\\"effect\\\":\\\"NoSchedule\\\",\\\"key\\\":\\\"a\\\",\\\"value\\\":\\\"b\\\"}"
                        "\": taint 'a' is there twice with effect NoSchedule"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.taints);
                const auto result = checked_config("registerWithTaints: " + row.taints);
                CHECK(result.refusal.failure == "config-invalid");
                CHECK(result.refusal.mentions("user data, line 6, column"));
                CHECK(result.refusal.mentions(row.reported));
        }

        CHECK(checked_config("registerWithTaints: []").refusal.failure == "nothing");
        CHECK(checked_config("registerWithTaints: ~").refusal.failure == "nothing");

        for (const auto* value : {"", ", value: ''", ", value: ~", ", timeAdded: ~"}) {
                const auto result = checked_config(
                        std::string("registerWithTaints: [{key: a.b/c, effect: NoExecute") + value + "}]");
                CHECK(result.refusal.failure == "nothing");
                CHECK(result.notes.empty());
        }
}

TEST_CASE("Flags that kubelet would stumble over are refused, with their place", "[checks]")
{
        struct Row {
                std::vector<std::string> flags;
                std::string reported;
        };
        const std::vector<Row> rows{
                {{"word"}, "layer 1, line 1, column 3: kubelet.flags[0]: not a flag"},
                {{"--v=2", "-max-pods=5"}, "kubelet.flags[1] = \"-max-pods=5\": not a flag"},
                {{"--register-node", "false"}, "kubelet.flags[1] = \"false\": not a flag"},
                {{"--my-token=a", "b"}, "kubelet.flags[1]: not a flag"}, // of which it may be a part
                {{"--", "--v=2"},
                        "kubelet.flags[0] = \"--\": it ends the flags, and kubelet does not start"},
                {{"--register-node false"},
                        "kubelet.flags[0] = \"--register-node false\": an argument is one flag"},
                {{"--max-pods"}, "kubelet.flags[0] = \"--max-pods\": --max-pods needs a value"},
                {{"--v=2", "--node-labels"},
                        "kubelet.flags[1] = \"--node-labels\": --node-labels needs a value"},
                {{"--node-labels=a b=c"},
                        "kubelet.flags[0] = \"--node-labels=a b=c\": label 'a b=c': the key may hold only"},
                {{"--v=2", "--node-labels=x=y,a=b/c"}, "label 'a=b/c': the value may hold only"},
                {{"--node-labels=a=b=c"}, "label 'a=b=c': the value may hold only"},
                {{"--node-labels==b"}, "label '=b': the key is empty"},
                {{"--node-labels=\"a=b\""}, "label '\"a=b\"': the key may hold only"},
                {{"--node-labels=team=${tag.team}"}, "label 'team=${tag.team}': the value may hold only"},
                {{"--node-labels=node-role.kubernetes.io/worker="},
                        "label 'node-role.kubernetes.io/worker': kubelet refuses it, since no node may "
                        "label itself in 'node-role.kubernetes.io' (NodeRestriction)"},
                {{"--register-with-taints=a=b"}, "taint 'a=b': it has no effect"},
                {{"--register-with-taints=a=b:NoSchedule,"}, "taint '': it is empty"},
                {{"--register-with-taints", "a=b:No"}, "taint 'a=b:No': its effect"},
                {{"--register-with-taints=a=b:NoSchedule,a=c:NoSchedule"},
                        "taint 'a' is there twice with effect NoSchedule"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.flags);
                const auto result = checked_flags(row.flags);
                CHECK(result.refusal.failure == "config-invalid");
                CHECK(result.refusal.mentions(row.reported));
                CHECK(result.refusal.what.find("; ") == std::string::npos);
                CHECK_FALSE(result.refusal.remedy.empty());
        }

        const auto all = checked_flags(
                {"--node-labels=a b=c,k8s.io/x=y", "--register-with-taints=z", "--max-pods=-1"});
        for (const auto* reported : {"label 'a b=c'", "label 'k8s.io/x'", "taint 'z'", "--max-pods=-1"})
                CHECK(all.refusal.mentions(reported));
}

TEST_CASE("A label given twice, and no taints, are nothing that stops kubelet", "[checks]")
{
        CHECK(checked_flags({"--node-labels=a=b,a=c"})
                        .doubts("label 'a' has the values 'b' and 'c'; kubelet takes"));
        CHECK(checked_flags({"--node-labels=a=b", "--v=2", "--node-labels=a=c"})
                        .doubts("layer 1, line 3, column 3: kubelet.flags[2] = \"--node-labels=a=c\": label "
                                "'a' has "
                                "the values 'b' and 'c', the first in kubelet.flags[0]"));
        CHECK(checked_flags({"--node-labels="}).notes.empty());
        CHECK(checked_flags({"--register-with-taints="}).refusal.failure == "nothing");
        CHECK(checked_flags({"--root-dir=/x --cert-dir=/y"})
                        .doubts("the blank and what follows are part of one argument"));
}

TEST_CASE("What is said of a hostile flag can be printed", "[checks]")
{
        const auto result =
                checked_flags({"--node-labels=\x1b[1m\n" + std::string(500, 'x') + "=\xff", "--\n"});
        CHECK(result.refusal.failure == "config-invalid");
        CHECK_FALSE(has_control_characters(result.refusal.what));
        CHECK(result.refusal.what.size() < 1000);
}

TEST_CASE("Labels of different layers override each other, which is worth a remark", "[checks]")
{
        const auto result =
                checked_layers({Flags{"--node-labels=a=b,c=d"}, Flags{"--v=2", "--node-labels=a=x,c=d"}});
        CHECK(result.refusal.failure == "nothing");
        CHECK(result.notes.size() == 1);
        CHECK(result.informs("layer 2, line 3, column 3: kubelet.flags[2] = \"--node-labels=a=x,c=d\": "
                             "label 'a' overrides 'b' of layer 1, line 1, column 3"));
        CHECK(checked_layers({Flags{"--node-labels=a=b"}, Flags{"--node-labels=a=c,a=d"}})
                        .doubts("values 'c' and 'd'"));
        CHECK(checked_flags({"--node-labels=a=b,a=b"}).notes.empty());
}

TEST_CASE("Taints of several flags do not add up", "[checks]")
{
        for (const bool same_layer : {true, false}) {
                const std::string first = "--register-with-taints=a=b:NoSchedule";
                const std::string second = "--register-with-taints=a=c:NoSchedule";
                const auto result = same_layer ? checked_flags({first, second})
                                               : checked_layers({Flags{first}, Flags{second}});
                CHECK(result.refusal.failure == "nothing");
                CHECK(result.warns("kubelet takes the last --register-with-taints alone; the taints in "
                                   "kubelet.flags[0] (layer 1, line 1, column 3) are lost"));
        }
}

TEST_CASE("A flag with a key in the configuration is worth a warning with the key", "[checks]")
{
        CHECK(checked_flags({"--max-pods=20"})
                        .warns("layer 1, line 1, column 3: kubelet.flags[0] = \"--max-pods=20\": --max-pods "
                               "is deprecated; set kubelet.config.maxPods"));
        CHECK(checked_flags({"--v=2", "--registry_qps", "5"})
                        .warns("--registry-qps is deprecated; set kubelet.config.registryPullQPS"));
        CHECK(checked_flags({"--register-with-taints=a:NoSchedule"})
                        .warns("set kubelet.config.registerWithTaints"));
        CHECK(checked_flags({"--anonymous-auth"})
                        .warns("set kubelet.config.authentication.anonymous.enabled"));

        for (const auto* quiet :
                {"--v=5", "--vmodule=a=5", "--node-labels=a=b", "--root-dir=/x", "--new-flag", "-v=3"})
                CHECK(checked_flags({quiet}).notes.empty());
        CHECK(checked("  kubelet:\n    config: {maxPods: 20}\n    flags: [--max-pods=30]\n")
                        .warns("set kubelet.config.maxPods, which is set in user data, line 5, column 14 and which it overrides"));
}

TEST_CASE("A flag that eksnode sets itself is worth a warning, unless it says the same", "[checks]")
{
        for (const auto* flag : {"--config=/x", "--config-dir=/x", "--kubeconfig=/x", "--runtime-cgroups=/x",
                     "--container-runtime-endpoint=/x", "--cloud-provider=aws",
                     "--cloud-provider=", "--hostname-override=x", "--image-credential-provider-bin-dir=/x",
                     "--image-credential-provider-config=/x", "--node-ip=::", "--bootstrap-kubeconfig=/x",
                     "--provider-id=x"}) {
                CAPTURE(flag);
                const std::string name = std::string(flag).substr(0, std::string(flag).find('='));
                const auto result = checked_flags({flag});
                CHECK(result.refusal.failure == "nothing");
                CHECK(result.notes.size() == 1);
                CHECK(result.warns("kubelet.flags[0] = \"" + std::string(flag) + "\": eksnode sets " + name +
                                   " itself; with this one "));
        }
        for (const auto* same : {"--cloud-provider=external", "--config=/etc/kubernetes/kubelet/config.json",
                     "--kubeconfig=/var/lib/kubelet/kubeconfig"})
                CHECK(checked_flags({same}).notes.empty());
}

TEST_CASE("A flag given twice is worth a remark, unless it adds up", "[checks]")
{
        CHECK(checked_flags({"--v=2", "--v=4"})
                        .warns("kubelet.flags[1] = \"--v=4\": --v is there twice (kubelet.flags[0] too), "
                               "kubelet takes the last"));
        CHECK(checked_flags({"--v=2", "--v", "4"}).warns("--v is there twice"));

        const auto layers = checked_layers({Flags{"--v=2"}, Flags{"--v=4"}});
        CHECK(layers.notes.size() == 1);
        CHECK(layers.informs("layer 2, line 2, column 3: kubelet.flags[1] = \"--v=4\": --v overrides "
                             "'--v=2' of layer 1, line 1"));
        CHECK(checked_flags({"--node-labels=a=b", "--node-labels=c=d"}).notes.empty());

        const auto gates = checked_flags({"--feature-gates=A=true", "--feature-gates=B=true"});
        CHECK_FALSE(gates.warns("twice"));
        CHECK(checked_flags({"--v=1", "--v=2", "--v=3"}).notes.size() == 2);
}

TEST_CASE("Damaged flags are read or refused, never anything else", "[checks]")
{
        const std::string seed =
                "--node-labels=a=b,c.d/e=f --register-with-taints a=b:NoSchedule,c:NoExecute -v4 "
                "--max-pods=20 --anonymous-auth --config /x";
        constexpr std::string_view spice = "-= ,:./_\"'\t\n\x1b\xff\0aZ9";
        std::minstd_rand random(20'240'501); // the same bytes on every run

        const auto pick = [&](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };

        for (int round = 0; round < 2000; ++round) {
                auto text = seed;
                for (std::size_t change = pick(6) + 1; change-- > 0;)
                        if (pick(2) == 0)
                                text[pick(text.size())] = spice[pick(spice.size())];
                        else
                                text.insert(pick(text.size()), text.substr(pick(text.size()), pick(20)));
                const auto cut = pick(text.size());

                const auto result = checked_flags({text.substr(0, cut), text.substr(cut)});
                if ((result.refusal.failure != "nothing" && result.refusal.failure != "config-invalid") ||
                        has_control_characters(result.refusal.what)) {
                        CAPTURE(text, result.refusal);
                        CHECK(result.refusal.failure == "nothing");
                }
        }
}

TEST_CASE("The policy 'explicit' needs its reservation, and a limit is a share", "[checks]")
{
        struct Row {
                const char* toml;
                const char* wrong;
        };

        for (const auto& row : {Row{"[kubelet.reservations]\npolicy = 'explicit'\n",
                                        "node.toml, line 2, column 1: kubelet.reservations.policy = "
                                        "\"explicit\": kubelet.config.kubeReserved is missing"},
                     Row{"[kubelet.reservations]\npolicy = 'explicit'\n[kubelet.config]\nkubeReserved = "
                         "{}\n",
                             "kubelet.config.kubeReserved is missing"},
                     Row{"[kubelet.reservations]\nmemoryLimitPercent = 0\n",
                             "kubelet.reservations.memoryLimitPercent = \"0\": not a share"},
                     Row{"[kubelet.reservations]\nmemoryLimitPercent = 101\n", "not a share"}}) {
                CAPTURE(row.toml);
                const auto result = checked_layer(parse_node_toml(row.toml, "node.toml"));
                CHECK(result.refusal.failure == "config-invalid");
                CHECK(result.refusal.mentions(row.wrong));
        }

        for (const auto* toml : {"[kubelet.reservations]\npolicy = 'none'\nmemoryLimitPercent = 1\n",
                     "[kubelet.reservations]\nmemoryLimitPercent = 100\n",
                     "[kubelet]\nflags = ['--kube-reserved=cpu=1']\nreservations.policy = 'explicit'\n",
                     "[kubelet.reservations]\npolicy = 'explicit'\n[kubelet.config]\n"
                     "kubeReserved = {cpu = '1'}\n"}) {
                CAPTURE(toml);
                CHECK(checked_layer(parse_node_toml(toml, "node.toml")).refusal.failure == "nothing");
        }
}

TEST_CASE("Thresholds of the image collector that kubelet does not start with", "[checks]")
{
        const auto checked = [](const Json& config, const Json& flags = Json::array()) {
                Layer layer;
                layer.tree["kubelet"] = {{"config", config}, {"flags", flags}};
                return checked_layer(layer);
        };

        const auto both = [](int high, int low) {
                return Json{{"imageGCHighThresholdPercent", high}, {"imageGCLowThresholdPercent", low}};
        };

        for (const int low : {70, 71})
                CHECK(checked(both(70, low))
                                .refusal.mentions(
                                        "imageGCHighThresholdPercent = \"70\": kubelet does not start "
                                        "with imageGCHighThresholdPercent 70 and"));
        CHECK(checked(both(70, 69)).refusal.failure == "nothing");
        CHECK(checked(both(70, 69)).notes.empty());

        // Against what kubelet has by itself, which an image may have changed.
        const auto alone = checked({{"imageGCHighThresholdPercent", 70}});
        CHECK(alone.doubts("and imageGCLowThresholdPercent 80, where 80 is its default"));
        CHECK(checked({{"imageGCLowThresholdPercent", 85}}).doubts("where 85 is its default"));

        for (const Json& config : {Json{{"imageGCHighThresholdPercent", 81}}, Json::object(),
                     Json{{"imageGCLowThresholdPercent", 84}}, both(70, 60)})
                CHECK(checked(config).notes.empty());

        // A flag wins over the file; what is no number is for others to say.
        CHECK(checked(both(70, 60), {"--image-gc-low-threshold=70"})
                        .refusal.mentions("kubelet.config.imageGCHigh"));
        CHECK(checked(both(70, 75), {"--image-gc-low-threshold=65"}).refusal.failure == "nothing");
        CHECK(checked({{"imageGCHighThresholdPercent", "x"}}).refusal.failure == "nothing");
}

TEST_CASE("Static policies of CPU and memory are judged with flags and amounts of zero", "[checks]")
{
        struct Row {
                Json kubelet;
                const char* key; // that is refused; "" if none is
        };
        const Json cpu{{"cpuManagerPolicy", "static"}};
        const Json memory{{"memoryManagerPolicy", "Static"}};
        const auto with = [](Json config, const Json& more) {
                config.update(more);
                return config;
        };
        const Json none{{"policy", "none"}, {"evictionHard", false}};
        const Json reserved_memory{{"reservedMemory", {{{"numaNode", 0}, {"limits", {{"memory", "1Gi"}}}}}}};
        const auto* const is_cpu = "kubelet.config.cpuManagerPolicy = \"static\"";
        const auto* const is_memory = "kubelet.config.memoryManagerPolicy = \"Static\"";

        for (const auto& [kubelet, key] : std::vector<Row>{
                     {{{"config", with(cpu, {{"kubeReserved", {{"cpu", "0"}}}})}}, is_cpu},
                     {{{"config", with(cpu, {{"kubeReserved", {{"cpu", 0}, {"memory", "1Gi"}}}})}}, is_cpu},
                     {{{"config", with(cpu, {{"kubeReserved", {{"memory", "1Gi"}}}})}}, ""},
                     {{{"config", with(cpu, {{"kubeReserved", {{"cpu", "0"}}},
                                                    {"systemReserved", {{"cpu", "50m"}}}})}},
                             ""},
                     {{{"config", with(cpu, {{"reservedSystemCPUs", ""}})}, {"reservations", none}}, is_cpu},
                     {{{"config", cpu}, {"flags", {"--kube-reserved=memory=1Gi"}}}, is_cpu},
                     {{{"config", cpu}, {"flags", {"--kube-reserved=memory=1Gi,cpu=70m"}}}, ""},
                     {{{"config", cpu}, {"flags", {"--kube-reserved=memory=1Gi", "--reserved-cpus=0"}}}, ""},
                     {{{"config", cpu}, {"flags", {"--cpu-manager-policy=none"}}, {"reservations", none}},
                             ""},
                     {{{"flags", {"--cpu-manager-policy=static"}}, {"reservations", none}},
                             "kubelet.flags[0] = \"static\""},
                     {{{"flags", {"--cpu-manager-policy=static"}}}, ""},
                     {{{"config", memory}}, is_memory},
                     {{{"config", with(memory, {{"reservedMemory", Json::array()}})}}, is_memory},
                     {{{"config", with(memory, reserved_memory)}}, ""},
                     {{{"config", memory}, {"flags", {"--reserved-memory=0:memory=1Gi"}}}, ""},
                     {{{"config", memory}, {"reservations", none}}, is_memory}, // by eviction
                     {{{"config", with(memory, {{"evictionHard", {{"memory.available", "0%"}}}})},
                              {"reservations", none}},
                             ""},
                     {{{"config", with(memory, {{"featureGates", {{"MemoryManager", false}}}})}}, ""},
                     {{{"config", {{"memoryManagerPolicy", "None"}}}}, ""},
             }) {
                CAPTURE(kubelet);
                Layer layer;
                layer.tree["kubelet"] = kubelet;
                const auto refusal = checked_layer(layer).refusal;
                CAPTURE(refusal.what);
                if (*key == '\0')
                        CHECK(refusal.failure == "nothing");
                else
                        CHECK(refusal.mentions(key));
        }
}

TEST_CASE("The static CPU policy is refused where no CPU is reserved", "[checks]")
{
        const Json policy{{"cpuManagerPolicy", "static"}};
        const auto failure = [](const Json& config, const Json& more) {
                Layer layer;
                layer.tree["kubelet"] = more;
                layer.tree["kubelet"]["config"] = config;
                return checked_layer(layer).refusal;
        };

        CHECK(failure(policy, Json::object()).failure == "nothing");

        for (const Json& more :
                {Json{{"configMode", "replace"}}, Json{{"reservations", {{"policy", "none"}}}}}) {
                CAPTURE(more);
                CHECK(failure(policy, more)
                                .mentions("kubelet.config.cpuManagerPolicy = \"static\": kubelet does not "
                                          "start with it"));
                CHECK(failure({{"cpuManagerPolicy", "none"}}, more).failure == "nothing");
                for (const Json& reserved : {Json{{"kubeReserved", {{"cpu", "1"}}}},
                             Json{{"systemReserved", {{"cpu", "1"}}}}, Json{{"reservedSystemCPUs", "0"}}}) {
                        auto config = policy;
                        config.update(reserved);
                        CHECK(failure(config, more).failure == "nothing");
                }
        }
}

TEST_CASE("Name servers and search domains that have no effect are worth a warning", "[checks]")
{
        const auto with = [](const std::string& network) {
                return checked("  instance:\n    network: " + network + "\n");
        };

        for (const auto* good : {"{nameservers: [10.0.0.2, fd00::2, '10.0.0.2:53', '[fd00::2]:53', "
                                 "'10.0.0.2:853#dns.example.com', 'fe80::1%eth0']}",
                     "{domains: [example.com, '~.', '~corp.example.com', a_b.example.com.]}"}) {
                CAPTURE(good);
                CHECK(with(good).notes.empty());
        }

        CHECK(with("{nameservers: [dns.example.com]}")
                        .doubts("not an IP address; systemd-resolved ignores it: "
                                "write an address such as 10.0.0.2"));
        CHECK(with("{nameservers: ['10.0.0.2:port']}").doubts("not an IP address"));
        CHECK(with("{nameservers: ['fd00::2:53:x']}").doubts("not an IP address"));
        CHECK(with("{domains: ['a b']}").doubts("ignores it: write a name such as corp.example.com"));
        CHECK(with("{domains: [a..b]}").doubts("not a domain name"));

        std::string many;
        for (int i = 0; i < 32; ++i)
                many += fmt::format("d{}.example, ", i);
        CHECK(with("{domains: [" + many + "]}").notes.empty());
        CHECK(with("{domains: [" + many + "one.more]}").doubts("32 domains"));
        CHECK(with("{domains: [" + many + "one.more]}").doubts("write those first that pods need"));
        CHECK(with("{domains: [" + many + std::string(60, 'a') + "]}").doubts("32 domains"));
}

TEST_CASE("Variables that reach no service are worth a warning, which shows no value", "[checks]")
{
        const auto with = [](const std::string& environment) {
                auto found = checked("  instance:\n    environment: " + environment + "\n");
                for (const auto& note : found.notes)
                        CHECK(note.text.find("hush") == std::string::npos);
                return found;
        };
        CHECK(with(R"({default: {A: hush, _b1: "\u00e9 \n \t"}, a@b: {A: hush}, "a:b_c.d-e": {A: ''}})")
                        .notes.empty());
        CHECK(with("{kubelet.service: {A: hush}}")
                        .doubts("without .service, so it has no effect: write it"));
        CHECK(with("{a/b: {A: hush}}").doubts("not the name of a service, so it has no effect: write that"));
        CHECK(with("{'': {A: hush}}").doubts("not the name of a service"));
        CHECK(with("{a: {A-B: hush}}").doubts("a.A-B: not the name of an environment variable"));
        CHECK(with("{a: {1A: hush}}").doubts("systemd ignores it: use letters, digits and _"));
        CHECK(with(R"({a: {A: "hush\u0007"}})").doubts("a.A: the value holds a control character"));
        CHECK(with(R"({a: {A: "hush\r"}})").doubts("ignores the variable: use none but tab and line feed"));
}

TEST_CASE("A proxy that is set in part is worth a warning", "[checks]")
{
        const auto with = [](const Json& proxy, const Json& environment = Json::object()) {
                Layer layer;
                layer.tree = {{"proxy", proxy}, {"instance", {{"environment", environment}}}};
                return checked_layer(layer);
        };

        std::string url = "http://user:hush@proxy.example";
        CHECK(with({{"https", url}, {"noProxy", {"a"}}, {"services", {"containerd"}}}).notes.empty());

        for (const auto* key : {"noProxy", "services"})
                CHECK(with({{key, {"a"}}})
                                .doubts(fmt::format("proxy.{} = \"a\": neither proxy.http nor", key)));
        CHECK(with({{"http", ""}, {"credentialsFile", "a"}})
                        .doubts("proxy.credentialsFile = \"a\": neither"));

        for (const auto* name : {"HTTPS_PROXY", "http_proxy", "ALL_PROXY"}) {
                const auto result = with({}, {{"default", {{name, url}, {"NO_PROXY", "a"}, {"A", url}}}});
                CHECK(result.notes.size() == 1);
                CHECK(result.doubts(
                        fmt::format("instance.environment.default.{}: every user of the machine can "
                                    "read the login of this proxy: use proxy.http",
                                name)));
                CHECK_FALSE(result.doubts("hush"));
        }

        url = "http://proxy.example?hush";

        for (const auto* service : {"default", "kubelet"})
                for (const auto* name : {"HTTPS_PROXY", "http_proxy"}) {
                        CAPTURE(service, name);
                        const auto result = with({}, {{service, {{name, url}}}});
                        CHECK(result.doubts(
                                fmt::format("instance.environment.{}: a proxy without NO_PROXY", service)));
                        CHECK_FALSE(result.doubts("hush"));
                        CHECK(with({}, {{service, {{name, url}, {"no_proxy", "a"}}}}).notes.empty());
                        CHECK(with({{"https", url}}, {{service, {{name, url}}}}).notes.empty());
                }

        CHECK(with({}, {{"containerd", {{"HTTPS_PROXY", url}}}}).notes.empty());
}

TEST_CASE("What can be no interface is refused with its place", "[checks]")
{
        const auto with = [](const char* name) {
                auto layer = layer_of("  {}\n", "user data");
                layer.tree["instance"]["network"]["managedInterfaces"] = Json::array({"ens6", name});
                layer.marks["instance.network.managedInterfaces"] = {"/etc/eks/node.toml", 2, 1};
                return checked_layer(layer);
        };

        for (const auto* good : {"ens7", "ens*", "enp[0-9]*", "0e:49:61:0f:c3:12", "0E:49:61:0F:C3:12"}) {
                CAPTURE(good);
                CHECK(with(good).refusal.failure == "nothing");
        }

        CHECK(with("").refusal.failure == "config-invalid");

        for (const auto* bad :
                {"a/b", "a b", "0e:49:61:0f:c3", "0e:49:61:0f:c3:1g", "a-very-long-name", "!ens6"}) {
                CAPTURE(bad);
                const auto refusal = with(bad).refusal;
                CHECK(refusal.failure == "config-invalid");
                CHECK(refusal.mentions(
                        "/etc/eks/node.toml, line 2, column 1: instance.network.managedInterfaces = "));
                CHECK(refusal.remedy.find("ens6") != std::string::npos);
        }
}

TEST_CASE("Swap and kubelet's settings must fit", "[checks]")
{
        const auto swap = [](const std::string& spec, const Json& more = {{"swap", "zram"}}) {
                auto layer = layer_of(spec, "user data");
                layer.tree.update(more);
                return checked_layer(layer);
        };

        const auto config = [](const std::string& yaml) { return "  kubelet: {config: " + yaml + "}\n"; };
        CHECK(swap("  kubelet: {}\n").refusal.failure == "nothing");
        CHECK(swap(config("{failSwapOn: false}")).refusal.failure == "nothing");

        const auto refused = swap(config("{failSwapOn: true}")).refusal;
        CHECK(refused.mentions(
                "kubelet.config.failSwapOn: kubelet does not start with the swap that swap = 'zram'"));
        CHECK(swap("  kubelet: {flags: ['--fail-swap-on']}\n").refusal.mentions("kubelet.flags"));
        CHECK(swap("  kubelet: {config: {failSwapOn: true}, flags: ['--fail-swap-on=false']}\n")
                        .refusal.failure == "nothing");

        auto replaced = Json{{"swap", "file"}};
        replaced["kubelet"] = {{"configMode", "replace"}};
        CHECK(swap("  kubelet: {}\n", replaced).refusal.mentions("unless failSwapOn is false"));

        replaced["kubelet"]["config"]["failSwapOn"] = false;
        CHECK(swap("  kubelet: {}\n", replaced).refusal.failure == "nothing");
        CHECK(swap(config("{failSwapOn: true}"), {{"swap", "off"}}).refusal.failure == "nothing");
        CHECK(swap(config("{memorySwap: {swapBehavior: NoSwap}}")).doubts("pods do not use the swap"));
        CHECK(swap(config("{featureGates: {NodeSwap: false}}")).doubts("kubelet does not limit how pods"));
        CHECK(swap("  kubelet: {}\n", {{"swap", "instance-store"}}).doubts("without instance.localStorage"));
        CHECK_FALSE(swap("  instance: {localStorage: {strategy: RAID0}}\n", {{"swap", "instance-store"}})
                            .doubts("without instance.localStorage"));
        CHECK(swap("  kubelet: {}\n", {{"swapSize", "1Gi"}}).doubts("it has no effect without swap"));
}
