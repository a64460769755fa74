// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/known_keys.hpp"
#include "support.hpp"
#include "verbs/set/set.hpp"

using namespace eks;
using test::refusal;
using Texts = std::vector<std::string>;

TEST_CASE("A value is TOML, and text needs no quotes", "[set]")
{
        for (const auto& [argument, value] : {std::pair("kubelet.config.maxPods=20", Json(20)),
                     {"kubelet.config.podsPerCore= 3", Json(3)},
                     {"kubelet.config.kubeReserved={cpu = \"100m\"}", Json{{"cpu", "100m"}}},
                     {"kubelet.config.clusterDNS=[\"10.0.0.10\"]", Json{"10.0.0.10"}},
                     {"kubelet.config.a=100Mi", Json("100Mi")}, {"kubelet.config.a=\"20\"", Json("20")},
                     {"kubelet.config.a=1\nb = 2", Json("1\nb = 2")}, {"kubelet.config.a=", Json("")},
                     {"cluster.name=1.34", Json("1.34")}, {"cluster.name='quoted'", Json("quoted")},
                     {"node.labels.team=true", Json("true")},
                     {"featureGates.InstanceIdNodeName=true", Json(true)},
                     {"kubelet.flags=--v=5", Json{"--v=5"}},
                     {"kubelet.flags=[\"--v=5\", \"--a=b\"]", Json{"--v=5", "--a=b"}},
                     {"cni.maxENIs=4", Json(4)}}) {
                CAPTURE(argument);
                CHECK(parse_setting(argument).value == value);
        }

        CHECK(refusal([] { parse_setting("kubelet.config.a=[1"); }).failure == "config-syntax");
        CHECK(refusal([] { parse_setting("cluster.name"); }).failure == "usage");

        // TOML has no null, and text in its place would be a value that kubelet refuses.
        const auto nothing = refusal([] { parse_setting("kubelet.config.featureGates.A=null"); });
        CHECK(nothing.failure == "config-invalid");
        CHECK(nothing.remedy.find("eksnode unset") != std::string::npos);

        for (const auto* key : {"node.labels.a", "cluster.id", "kubelet.maxPodsExpression", "kubelet.flags",
                     "instance.environment.kubelet.A"}) {
                CAPTURE(key);
                CHECK(refusal([&] { parse_setting(std::string(key) + "=null"); }).failure ==
                        "config-invalid");
        }

        CHECK(parse_setting("node.labels.a='null'").value == "null");
        CHECK(parse_setting("kubelet.config.a=\"null\"").value == "null");
}

TEST_CASE("A key is one of the table, and the part behind a map of names is whole", "[set]")
{
        CHECK(parse_key("kubelet.config.maxPods").parts == Texts{"kubelet", "config", "maxPods"});
        CHECK(parse_key("kubelet.config.evictionHard.\"memory.available\"").parts ==
                Texts{"kubelet", "config", "evictionHard", "memory.available"});

        for (const auto* key : {"node.labels.example.com/team", "node.labels.\"example.com/team\"",
                     "node.labels.'example.com/team'"}) {
                CAPTURE(key);
                CHECK(parse_key(key).parts == Texts{"node", "labels", "example.com/team"});
                CHECK(parse_key(key).key == "node.labels.\"example.com/team\"");
        }

        CHECK(parse_setting("node.labels.\"a=b\"=c").parts.back() == "a=b");

        const auto slip = refusal([] { parse_key("kubelet.flgas"); });
        CHECK(slip.failure == "config-invalid");
        CHECK(slip.mentions("'kubelet.flags'"));
        CHECK(refusal([] {
                parse_key("kubelet.confg.maxPods");
        }).mentions("did you mean 'kubelet.config'?"));

        for (const auto* key :
                {"", ".", "kubelet.", "kubelet..config", "\"kubelet", "kubelet.config.\"a\"b"}) {
                CAPTURE(key);
                CHECK(refusal([&] { parse_key(key); }).mentions("is not a key"));
        }
}

TEST_CASE("Settings are put into a tree, and taken out with what is empty then", "[set]")
{
        Json tree = Json::object();
        set_value(tree, parse_setting("kubelet.config.maxPods=20"));
        set_value(tree, parse_setting("kubelet.config.podsPerCore=2"));
        set_value(tree, parse_setting("node.labels.a=b"));
        CHECK(tree == Json{{"kubelet", {{"config", {{"maxPods", 20}, {"podsPerCore", 2}}}}},
                              {"node", {{"labels", {{"a", "b"}}}}}});
        CHECK(refusal([&] {
                set_value(tree, parse_setting("kubelet.config.maxPods.x=1"));
        }).mentions("is below a key that already has a value"));

        CHECK(tree["kubelet"]["config"]["maxPods"] == 20);
        CHECK(erase_path(tree, Texts{"node", "labels", "a"}));
        CHECK(tree == Json{{"kubelet", {{"config", {{"maxPods", 20}, {"podsPerCore", 2}}}}}});
        CHECK_FALSE(erase_path(tree, Texts{"node", "labels", "a"}));
        CHECK_FALSE(erase_path(tree, Texts{"kubelet", "config", "maxPods", "x"}));
        CHECK(erase_path(tree, Texts{"kubelet", "config"}));
        CHECK(tree.empty());
        CHECK(render_settings(tree).empty());
}

TEST_CASE("The file is read back as it was written", "[set]")
{
        const test::TemporaryDirectory node;
        CHECK(read_settings(node(set_path)) == Json::object());

        const Json tree{{"kubelet", {{"config", {{"evictionHard", {{"memory.available", "5%"}}}}}}}};
        const auto text = render_settings(tree);
        CHECK(text.starts_with("# Written by `eksnode set`"));

        node.write(set_path, text);
        CHECK(read_settings(node(set_path)) == tree);
}
