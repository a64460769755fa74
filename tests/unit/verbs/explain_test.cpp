// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"
#include "verbs/explain/explain.hpp"

using namespace eks;

namespace {

// What is said of a key that these files, in this order, set.
std::string explained(const std::vector<std::string>& texts, const std::string& key,
        const Json& generated = Json::object())
{
        const test::TemporaryDirectory node;
        for (std::size_t i = 0; i < texts.size(); ++i)
                node.write("/layers/" + std::to_string(i) + ".toml", texts[i]);
        auto text = explain(resolve_sources(Root(), {node("/layers")}), key, generated);
        for (auto at = text.find(node("/layers/")); at != text.npos; at = text.find(node("/layers/")))
                text.erase(at, node("/layers/").size());
        return text;
}

} // namespace

TEST_CASE("The winner of a key is explained with the values it overrides, the latest first", "[explain]")
{
        CHECK(explained({"[cluster]\nname = 'a'\n", "", "cluster.name = 'b'\n", "cluster.name = 'c'\n"},
                      "cluster.name") == "cluster.name = \"c\"\n"
                                         "  from 3.toml, line 1, column 9\n"
                                         "  instead of \"b\" from 2.toml, line 1, column 9\n"
                                         "  instead of \"a\" from 0.toml, line 2, column 1\n");
        CHECK(explained({"[cluster]\nname = 'a'\n"}, "cluster.cidr") == "cluster.cidr is not set\n");
}

TEST_CASE("A map is explained with what all layers make of it, and each one's part", "[explain]")
{
        const std::vector<std::string> layers{
                "[kubelet.config]\nmaxPods = 10\npodsPerCore = 2\n", "[kubelet.config]\nmaxPods = 20\n"};
        CHECK(explained(layers, "kubelet.config") ==
                "kubelet.config = {\"maxPods\":20,\"podsPerCore\":2}\n"
                "  {\"maxPods\":20} from 1.toml, line 1, column 10\n"
                "  merged over {\"maxPods\":10,\"podsPerCore\":2} from 0.toml, line 1, column 10\n");
        CHECK(explained({layers[1]}, "kubelet.config") ==
                "kubelet.config = {\"maxPods\":20}\n  from 0.toml, line 1, column 10\n");
        CHECK(explained({"[kubelet.config]\nkubeReserved = {cpu = '1'}\n"}, "kubelet.config.kubeReserved",
                      {{"kubeReserved", {{"memory", "1Gi"}}}}) ==
                "kubelet.config.kubeReserved = {\"cpu\":\"1\",\"memory\":\"1Gi\"}\n"
                "  {\"cpu\":\"1\"} from 0.toml, line 2, column 1\n"
                "  merged over {\"memory\":\"1Gi\"} from eksnode's own\n");
}

TEST_CASE("What the user's settings replace altogether is not called eksnode's own", "[explain]")
{
        const Json written{{"maxPods", 29}};
        const std::string layer = "[kubelet]\nconfig = {maxPods = 10}\n";
        CHECK(explained({layer}, "kubelet.config.maxPods", written).find("instead of 29") !=
                std::string::npos);
        CHECK(explained({layer + "configMode = 'merge'\n"}, "kubelet.config.maxPods", written)
                        .find("eksnode's own") != std::string::npos);
        CHECK(explained({layer + "configMode = 'replace'\n"}, "kubelet.config.maxPods", written) ==
                "kubelet.config.maxPods = 10\n  from 0.toml, line 2, column 11\n");
}

TEST_CASE("The variables of services are explained without their values", "[explain]")
{
        const std::string layer = "[instance.environment]\nkubelet = {A = 'hush', B = 'hush'}\n";
        CHECK(explained({layer}, "instance.environment") ==
                "instance.environment = {\"kubelet\":{\"A\":\"(hidden)\",\"B\":\"(hidden)\"}}\n"
                "  from 0.toml, line 1, column 11\n");
        CHECK(explained({layer}, "instance.environment.kubelet.A") ==
                "instance.environment.kubelet.A = \"(hidden)\"\n  from 0.toml, line 2, column 12\n");
}

TEST_CASE("A private key among the certificates is not shown", "[explain]")
{
        const std::string layer = "[trust]\ncertificates = ['/etc/eks/corp.pem', '''\n"
                                  "-----BEGIN PRIVATE KEY-----\nhush\n''']\n";
        const auto text = explained({layer}, "trust.certificates");
        CHECK(text.find("/etc/eks/corp.pem") != std::string::npos);
        CHECK(text.find("BEGIN PRIVATE KEY") != std::string::npos);
        CHECK(text.find("hush") == std::string::npos);
}
