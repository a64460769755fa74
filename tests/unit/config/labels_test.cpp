// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/labels.hpp"

using namespace eks;

namespace {

struct Row {
        std::string text;
        std::string wrong; // a part of the message; empty: nothing is wrong
};

void compare(const std::string& text, const std::string& wrong, const std::string& expected)
{
        CAPTURE(text, wrong, expected);
        CHECK(wrong.empty() == expected.empty());
        CHECK(wrong.find(expected) != std::string::npos);
}

} // namespace

TEST_CASE("A label key is a name, with or without a DNS name in front", "[labels]")
{
        const std::string longest_domain = std::string(125, 'a') + "." + std::string(127, 'b');
        const std::vector<Row> rows{
                {"a", ""},
                {"0", ""},
                {"team", ""},
                {"A.b_c-D9", ""},
                {std::string(63, 'a'), ""},
                {"example.com/team", ""},
                {"x/y", ""},
                {"a-b.c--d.e0/y", ""},
                {longest_domain + "/" + std::string(63, 'n'), ""},
                {"", "the key is empty"},
                {std::string(64, 'a'), "the key has 64 characters, 63 are allowed"},
                {"-a", "must begin and end with a letter or digit"},
                {"a-", "must begin and end with a letter or digit"},
                {"_", "must begin and end with a letter or digit"},
                {".a", "must begin and end with a letter or digit"},
                {"a b", "the key may hold only letters"},
                {"a=b", "may hold only"},
                {"ä", "may hold only"},
                {std::string("a\0b", 3), "may hold only"},
                {"${team}", "may hold only"},
                {"/a", "nothing precedes the '/'"},
                {"a/", "nothing follows the '/'"},
                {"a/b/c", "more than one '/'"},
                {"a//c", "more than one '/'"},
                {longest_domain + "a/b", "before the '/' has 254 characters, 253 are allowed"},
                {"example.com/" + std::string(64, 'a'), "the part after the '/' has 64 characters"},
                {"example.com/-a", "the part after the '/' must begin"},
                {"Example.com/a", "not a DNS name in lower case"},
                {"a_b/c", "not a DNS name"},
                {"-a/c", "not a DNS name"},
                {"a-/c", "not a DNS name"},
                {"a..b/c", "not a DNS name"},
                {".a/c", "not a DNS name"},
                {"a./c", "not a DNS name"},
                {"a-.b/c", "not a DNS name"},
                {"a.-b/c", "not a DNS name"},
        };

        for (const auto& [text, wrong] : rows)
                compare(text, wrong_label_key(text), wrong);
}

TEST_CASE("A label value is empty or spelt like a name", "[labels]")
{
        const std::vector<Row> rows{
                {"", ""},
                {"a", ""},
                {"1.2_3-X", ""},
                {std::string(63, 'v'), ""},
                {std::string(64, 'v'), "the value has 64 characters, 63 are allowed"},
                {"-a", "the value must begin and end"},
                {"a.", "the value must begin and end"},
                {"a b", "the value may hold only"},
                {"a/b", "the value may hold only"},
                {"\"a\"", "the value may hold only"},
                {"a\n", "the value may hold only"},
        };
        for (const auto& [text, wrong] : rows)
                compare(text, wrong_label_value(text), wrong);
}

TEST_CASE(
        "No kubelet may label itself in the namespaces of Kubernetes, but for what is left open", "[labels]")
{
        const std::vector<std::string> allowed{"team", "example.com/team", "eks.amazonaws.com/nodegroup",
                "karpenter.sh/capacity-type", "kubernetes.io.example.com/a", "notkubernetes.io/a",
                "xk8s.io/a", "kubernetes.io", "k8s.io", "kubernetes.io/arch", "kubernetes.io/hostname",
                "kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type",
                "beta.kubernetes.io/os", "failure-domain.beta.kubernetes.io/region",
                "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/region",
                "topology.kubernetes.io/zone", "node.kubernetes.io/instance-type",
                "node.kubernetes.io/anything", "kubelet.kubernetes.io/anything", "a.b.node.kubernetes.io/x",
                "a.kubelet.kubernetes.io/x"};
        for (const auto& key : allowed) {
                CAPTURE(key);
                REQUIRE(wrong_label_key(key).empty());
                CHECK(refused_to_kubelets(key).empty());
        }

        const std::vector<std::string> refused{"node-role.kubernetes.io/worker", "kubernetes.io/role",
                "k8s.io/a", "a.k8s.io/b", "app.kubernetes.io/name", "beta.kubernetes.io/zone",
                "topology.kubernetes.io/rack", "node-restriction.kubernetes.io/a",
                "x.node-restriction.kubernetes.io/a", "xnode.kubernetes.io/a",
                "cluster-autoscaler.k8s.io/a"};
        for (const auto& key : refused) {
                CAPTURE(key);
                REQUIRE(wrong_label_key(key).empty());
                const auto wrong = refused_to_kubelets(key);
                CHECK(wrong.find("NodeRestriction") != std::string::npos);
                CHECK(wrong.find("'" + key.substr(0, key.find('/')) + "'") != std::string::npos);
        }
}

TEST_CASE("A taint is a key, perhaps a value, and an effect", "[labels]")
{
        struct Good {
                std::string text;
                Taint taint;
        };
        const std::vector<Good> good{
                {"a=b:NoSchedule", {"a", "b", "NoSchedule"}},
                {"a=:NoExecute", {"a", "", "NoExecute"}},
                {"a:PreferNoSchedule", {"a", "", "PreferNoSchedule"}},
                {"node.cilium.io/agent-not-ready=true:NoExecute",
                        {"node.cilium.io/agent-not-ready", "true", "NoExecute"}},
                {"readiness.k8s.io/network-ready=pending:NoSchedule",
                        {"readiness.k8s.io/network-ready", "pending", "NoSchedule"}},
        };

        for (const auto& row : good) {
                CAPTURE(row.text);
                const auto [taint, wrong] = parse_taint(row.text);
                CHECK(wrong.empty());
                CHECK(taint == row.taint);
        }

        const std::vector<Row> bad{
                {"", "it is empty"},
                {"a", "no effect"},
                {"a=b", "no effect"},
                {"a=b:", "no effect"},
                {"a=b:noschedule", "not NoSchedule, PreferNoSchedule or NoExecute"},
                {"a=b:NoSchedule-", "not NoSchedule"},
                {" a=b:NoSchedule", "the key may hold only"},
                {"a=b: NoSchedule", "not NoSchedule"},
                {"a=b=c:NoSchedule", "more than one '='"},
                {"a:b:NoSchedule", "more than one ':'"},
                {":NoSchedule", "the key is empty"},
                {"=b:NoSchedule", "the key is empty"},
                {"a b=c:NoSchedule", "the key may hold only"},
                {"a=b/c:NoSchedule", "the value may hold only"},
        };

        for (const auto& [text, wrong] : bad)
                compare(text, parse_taint(text).wrong, wrong);
        CHECK(wrong_taint({"a", "b", "NoSchedule"}).empty());
        CHECK(wrong_taint({"a", "b", "No"}) ==
                "its effect is not NoSchedule, PreferNoSchedule or NoExecute");
}

TEST_CASE("A node's name is a DNS name that is a label's value too", "[labels]")
{
        for (const auto& good : {std::string("a"), std::string("i-0123456789abcdef0"),
                     std::string("ip-10-0-0-1.us-west-2.compute.internal"), std::string("IP-1.Corp.Example"),
                     std::string(63, 'a')})
                CHECK(wrong_node_name(good).empty());
        CHECK(wrong_node_name("") == "the name is empty");
        CHECK(wrong_node_name(std::string(64, 'a')) == "the name has 64 characters, 63 are allowed");

        for (const auto* bad : {"a_b", "a..b", ".a", "a.", "-a", "a-", "a.-b", "a b", "ä"}) {
                CAPTURE(bad);
                CHECK(wrong_node_name(bad) == "the name is not a DNS name");
        }
}
