// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "verbs/config/show_config.hpp"
#include "verbs/explain/explain.hpp"

using namespace eks;
using test::TemporaryDirectory;

TEST_CASE("The profile in force is shown, and every one that there is", "[explain]")
{
        const TemporaryDirectory node;
        node.write("/usr/share/eks/profiles/default.toml", "description = 'any'\n");
        node.write("/usr/share/eks/profiles/fast.toml", "description = 'the vendor\\'s'\n");
        node.write("/etc/eks/profiles/fast.toml", "description = 'ours'\n");
        node.write("/etc/eks/profiles/bare.toml", "[sysctl]\n");
        const std::string list = "\nprofiles:\n"
                                 "  bare: no description\n    /etc/eks/profiles/bare.toml\n"
                                 "  default: any\n    /usr/share/eks/profiles/default.toml\n"
                                 "  fast: ours\n    /etc/eks/profiles/fast.toml\n";
        const auto text = [&] { return explain_profile(node.root(), resolve_node_layers(node.root())); };
        CHECK(text() == "profile = \"default\"\n  from eksnode's own default\n" + list);

        node.write("/etc/eks/node.toml", "profile = 'fast'\n");
        CHECK(text() == "profile = \"fast\"\n  from /etc/eks/node.toml, line 1, column 1\n" + list);

        node.write("/etc/eks/profiles/bare.toml", "[\n");
        CHECK(text().find("bare: /etc/eks/profiles/bare.toml, line 1") != std::string::npos);
}

TEST_CASE("A value of the profile is explained as any other", "[explain]")
{
        const TemporaryDirectory node;
        node.write("/usr/share/eks/profiles/fast.toml",
                "[kubelet.config]\npodPidsLimit = 5\n[sysctl]\nkernel.pid_max = 6\n");
        node.write("/etc/eks/node.toml", "profile = 'fast'\n[kubelet.config]\npodPidsLimit = 7\n");
        const auto resolved = resolve_node_layers(node.root());
        CHECK(explain(resolved, "kubelet.config.podPidsLimit", {{"podPidsLimit", 4}}) ==
                "kubelet.config.podPidsLimit = 7\n  from /etc/eks/node.toml, line 3, column 1\n"
                "  instead of 5 from /usr/share/eks/profiles/fast.toml, line 2, column 1\n"
                "  instead of 4 from eksnode's own\n");
        CHECK(explain(resolved, "sysctl.kernel.pid_max", {}) ==
                "sysctl.kernel.pid_max = 6\n  from /usr/share/eks/profiles/fast.toml, line 4, column 8\n");
}

TEST_CASE("As a NodeConfig the configuration keeps what a profile set in kubelet.config", "[config]")
{
        const Json tree{{"profile", "fast"}, {"sysctl", {{"kernel", {{"pid_max", 6}}}}},
                {"kubelet", {{"config", {{"podPidsLimit", 5}}}, {"reservations", {{"policy", "gke"}}}}}};
        std::vector<std::string> left_out;
        const auto text = config_as_node_config(tree, left_out);
        CHECK(left_out == std::vector<std::string>{"kubelet.reservations.policy", "profile", "sysctl"});
        CHECK(text.find("podPidsLimit: 5") != std::string::npos);

        for (const auto* gone : {"gke", "fast", "pid_max", "reservations"})
                CHECK(text.find(gone) == std::string::npos);
}

TEST_CASE("As a NodeConfig the flags are written so that they stay what they are", "[config]")
{
        const Json flags{"--v=2", "--cert-dir=/x y", "--node-labels=a=\"b\"", "--a=b\\c's"};
        std::vector<std::string> left_out;
        const auto text = config_as_node_config({{"kubelet", {{"flags", flags}}}}, left_out);
        CHECK(text.find("- \"--v=2\"\n") != std::string::npos);
        CHECK(parse_node_config(text, "again").tree["kubelet"]["flags"] == flags);
        CHECK(parse_node_config(text, "again").notes.empty());
}
