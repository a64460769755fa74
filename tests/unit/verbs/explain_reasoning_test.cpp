// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "fixture.hpp"
#include "steps/kubelet-config/kubelet_config.hpp"
#include "verbs/explain/explain.hpp"

using namespace eks;
using test::ReferenceNode;
using std::string_literals::operator""s;

namespace {

// `eksnode explain` on a node whose configuration is a TOML file beside the reference cluster's.
std::string explained(const ReferenceNode& node, const std::string& toml, const std::string& key)
{
        node.write("/etc/eks/node.d/10.yaml", test::node_config(test::reference_cluster));
        node.write("/etc/eks/node.toml", toml);
        const auto resolved = resolve_node_layers(node.root());
        return explain(resolved, key, Json::object(), reasoning(node.root(), resolved, key));
}

constexpr auto reference_facts =
        R"({"instanceType": "m4.xlarge", "instanceId": "i-1", "availabilityZone": "us-west-2f"})";
constexpr auto known_facts = R"({"instanceType": "m4.xlarge"})";

} // namespace

TEST_CASE("What is reserved is explained with its policy and what goes into it", "[explain]")
{
        const ReferenceNode node;
        node.write("/run/eks/imds.json", known_facts);
        CHECK(explained(node, "", "kubelet.config.kubeReserved") ==
                "kubelet.config.kubeReserved is not set\n"
                "  cpu and memory are computed by the eks policy: 11 MiB x 58 pods + 255 MiB (58 pods: "
                "m4.xlarge: 4 network interfaces of 15 addresses)\n");
        CHECK(explained(node, "", "kubelet.config.kubeReserved.pid") ==
                "kubelet.config.kubeReserved.pid is not set\n"); // which is no matter of the policy

        const auto users = explained(node, "[kubelet.config]\nmaxPods = 20\nkubeReserved = {cpu = \"1\"}\n",
                "kubelet.config.kubeReserved.cpu");
        CHECK(users.starts_with("kubelet.config.kubeReserved.cpu = \"1\"\n  from "));
        CHECK(users.find("computed by the eks policy: 11 MiB x 20 pods + 255 MiB") != std::string::npos);

        node.write("/proc/meminfo", "MemTotal: 16777216 kB\n");
        CHECK(explained(node, "[kubelet.reservations]\npolicy = \"gke\"\nmemoryLimitPercent = 10\n",
                      "kubelet.config.kubeReserved.memory")
                        .find("computed by the gke policy: tiers of the machine's 16384 MiB, cut to 10 % of "
                              "the machine's 16384 MiB") != std::string::npos);
        CHECK(explained(node, "[kubelet.reservations]\npolicy = \"none\"\n", "kubelet.config.kubeReserved")
                        .find("computed by the none policy: nothing is reserved") != std::string::npos);
}

TEST_CASE("Huge pages and limits are explained with what the kernel and containers have", "[explain]")
{
        const ReferenceNode node;
        const auto pages = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
        const auto toml = "[hugepages]\n2Mi = 8\n[limits]\nnofile = \"4096:8192\"\n";
        CHECK(explained(node, toml, "hugepages").find("on this node") == std::string::npos);
        node.write(pages, "6\n");
        CHECK(explained(node, toml, "hugepages").find(fmt::format("  on this node: {} = 6\n", pages)) !=
                std::string::npos);
        CHECK(explained(node, toml, "limits").find("on this node") == std::string::npos);
        node.write("/etc/containerd/base-runtime-spec.json",
                R"({"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 8192, "soft": 4096},
                                            {"type": "RLIMIT_CORE", "hard": 1, "soft": 0}]}})");
        node.write("/usr/lib/systemd/system.conf.d/90-eks.conf", "[Manager]\nDefaultTasksMax=infinity\n");
        const auto file = "/etc/containerd/base-runtime-spec.json\n"s;
        CHECK(explained(node, toml, "limits.nofile")
                        .ends_with("  on this node: rlimit_nofile 4096:8192, from " + file));
        CHECK(explained(node, toml, "limits")
                        .ends_with(
                                "  on this node: rlimit_nofile 4096:8192, from " + file +
                                "  on this node: rlimit_core 0:1, from " + file +
                                "  tasks of a container: infinity, from /usr/lib/systemd/system.conf.d/90-eks.conf\n"));
        node.write("/etc/systemd/system.conf.d/95-mine.conf", "[Manager]\nDefaultTasksMax=4915\n");
        CHECK(explained(node, "", "limits") ==
                "limits is not set\n  on this node: rlimit_nofile 4096:8192, from " + file +
                        "  on this node: rlimit_core 0:1, from " + file +
                        "  tasks of a container: 4915, from /etc/systemd/system.conf.d/95-mine.conf\n");
}

TEST_CASE("A user's setting is not called ours, in whatever file of kubelet's it stands", "[explain]")
{
        const ReferenceNode node;
        node.write("/run/eks/imds.json", reference_facts);
        node.write("/etc/eks/node.d/10.yaml", test::node_config(test::reference_cluster));
        node.write("/etc/eks/node.toml", "[kubelet.config]\npodsPerCore = 7\nmaxPods = 20\n");
        node.write("/etc/eks/kubelet-version.txt", "1.27.1\n");
        const auto resolved = resolve_node_layers(node.root());
        const auto early = generated_settings(node.root(), resolved); // eks-config has not run
        CHECK(early["maxPods"] == 58);
        CHECK(early["kubeReserved"]["memory"] == "475Mi");
        CHECK(early["kubeReserved"]["pid"] == "1000");
        node.write("/run/eks/node.json",
                render_node_json(resolved.merged, {.kubelet = {1, 27, 1}, .containerd = {1, 7, 27}}));
        // Before 1.28 the user's settings are in the same file as ours.
        node.write(kubelet_config_path, R"({"podsPerCore": 7, "maxPods": 20})");
        const auto ours = generated_settings(node.root(), resolved);
        CHECK(explain(resolved, "kubelet.config.podsPerCore", ours) ==
                "kubelet.config.podsPerCore = 7\n  from /etc/eks/node.toml, line 2, column 1\n");
        CHECK(explain(resolved, "kubelet.config.maxPods", ours)
                        .ends_with("  instead of 58 from eksnode's own\n"));
}

TEST_CASE("A file of kubelet's that was edited by hand is named, with its value", "[explain]")
{
        const ReferenceNode node;
        const auto edited = [&] { return edited_setting(node.root(), "kubelet.config.maxPods"); };
        CHECK(edited().empty());
        node.write(kubelet_config_path, R"({"maxPods": 58})");
        node.write("/var/lib/eks/rendered/etc/kubernetes/kubelet/config.json", R"({"maxPods": 58})");
        CHECK(edited().empty());
        node.write(kubelet_config_path, R"({"maxPods": 30})");
        CHECK(edited() ==
                "  '/etc/kubernetes/kubelet/config.json' was edited by hand, and has the value 30\n");
        CHECK(edited_setting(node.root(), "cluster.name").empty());
        node.write(kubelet_config_path, "{");
        CHECK(edited() == "  '/etc/kubernetes/kubelet/config.json' was edited by hand, and lacks it\n");
}

TEST_CASE("The number of pods is explained, also where the user's beats it", "[explain]")
{
        const ReferenceNode node;
        node.write("/run/eks/imds.json", known_facts);
        CHECK(explained(node, "", "kubelet.config.maxPods") ==
                "kubelet.config.maxPods is not set\n"
                "  computed: 58, m4.xlarge: 4 network interfaces of 15 addresses\n");
        CHECK(explained(node, "[cni]\ncustomNetworking = true\n", "kubelet.config.maxPods")
                        .ends_with("  computed: 44, m4.xlarge: 4 network interfaces of 15 addresses, custom "
                                   "networking\n"));

        const auto users = explained(node, "[kubelet.config]\nmaxPods = 20\n", "kubelet.config.maxPods");
        CHECK(users.starts_with("kubelet.config.maxPods = 20\n  from "));
        CHECK(users.ends_with("\n  computed: 58, m4.xlarge: 4 network interfaces of 15 addresses\n"));
        CHECK(explained(node, "[kubelet]\nmaxPodsExpression = \"max_pods / 2\"\n", "kubelet.config.maxPods")
                        .find("  computed: 29, kubelet.maxPodsExpression (") != std::string::npos);
        CHECK(explained(node, "[kubelet]\nmaxPodsExpression = \"max_pods / 0\"\n", "kubelet.config.maxPods")
                        .ends_with("; maxPods is 58, as without it, proceeding\n"));
}

TEST_CASE("Of labels and taints it is shown what the facts make of them", "[explain]")
{
        const ReferenceNode node;
        node.write("/run/eks/imds.json", R"({"availabilityZoneId": "usw2-az6", "tags": {"team": "blue"}})");
        const std::string toml = "[node]\ntaints = [\"team=${tag.team}:NoSchedule\", \"spot:NoExecute\"]\n"
                                 "[node.labels]\nteam = \"${tag.team}\"\n"
                                 "\"example.com/zone\" = \"${imds.availabilityZoneId}\"\n";
        CHECK(explained(node, toml, "node.labels")
                        .ends_with("\n  on this node: example.com/zone=usw2-az6 team=blue\n"));
        CHECK(explained(node, toml, "node.labels.\"example.com/zone\"")
                        .ends_with("\n  on this node: example.com/zone=usw2-az6\n"));
        CHECK(explained(node, toml, "node.taints")
                        .ends_with("\n  on this node: team=blue:NoSchedule spot:NoExecute\n"));
        CHECK(explained(node, "", "node.labels") == "node.labels is not set\n");
}

TEST_CASE("Nothing is said to be computed where it is not", "[explain]")
{
        const ReferenceNode node;
        CHECK(explained(node, "", "kubelet.config.kubeReserved") ==
                "kubelet.config.kubeReserved is not set\n"); // no facts

        node.write("/run/eks/imds.json", known_facts);
        CHECK(explained(node, "", "kubelet.config.kubeReservedCgroup") ==
                "kubelet.config.kubeReservedCgroup is not set\n");
        CHECK(explained(node, "[kubelet]\nconfigMode = \"replace\"\n", "kubelet.config.kubeReserved") ==
                "kubelet.config.kubeReserved is not set\n");
}
