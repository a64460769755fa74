// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/sysctl_settings.hpp"
#include "document/toml.hpp"
#include "documents.hpp"

using namespace eks;
using Texts = std::vector<std::string>;

namespace {

struct FoundSysctls {
        std::vector<Sysctl> all;
        Texts problems;
};

FoundSysctls found(const std::string& toml)
{
        const auto layer = test::strict_node_toml(toml, "node.toml");
        Problems problems;
        auto all = sysctls(layer.tree, layer.marks, problems);
        return {std::move(all), problems.texts()};
}

FoundSysctls one(const std::string& line)
{
        return found("[sysctl]\n" + line + "\n");
}

} // namespace

TEST_CASE("Kernel parameters are paths with one line of text, sorted", "[sysctl]")
{
        const auto result = found("[sysctl]\n"
                                  "vm.max_map_count = 5\n"
                                  "kernel.core_pattern = ' |/bin/true %p '\n"
                                  "net.ipv4.conf.'eth0.100'.forwarding = -1\n");
        CHECK(result.problems == Texts{});
        REQUIRE(result.all.size() == 3);
        CHECK(result.all[0] == Sysctl{"kernel/core_pattern", "|/bin/true %p", "sysctl.kernel.core_pattern",
                                       {"node.toml", 3, 8}, false});
        CHECK(result.all[1].name == "net/ipv4/conf/eth0.100/forwarding");
        CHECK(result.all[1].value == "-1");
        CHECK(result.all[1].key == "sysctl.net.ipv4.conf.\"eth0.100\".forwarding");
        CHECK(result.all[2].name == "vm/max_map_count");
        CHECK(found("profile = 'a'\n").all.empty());
}

TEST_CASE("An invalid name or value of a parameter is refused with its place", "[sysctl]")
{
        CHECK(one("'kernel.pid_max' = 1").problems ==
                Texts{"node.toml, line 2, column 1: sysctl.\"kernel.pid_max\": not the name of a kernel "
                      "parameter"});

        for (const auto* line : {"kernel.'..'.a = 1", "kernel.'a/b' = 1", "kernel.'.a' = 1", "kernel.'' = 1",
                     "kernel.'a b' = 1", "kernel.\"a\\nb\" = 1", "'..'.kernel.a = 1", "kernel.'ä' = 1",
                     "pid_max = 1"}) {
                CAPTURE(line);
                const auto result = one(line);
                CHECK(result.problems.size() == 1);
                CHECK(result.all.empty());
        }

        for (const auto* value : {"true", "1.5", "''", "'  '", "[1, 2]", "\"1\\n2\"", "'''1\n2'''"}) {
                CAPTURE(value);
                const auto result = one("kernel.a = " + std::string(value));
                CHECK(result.problems.size() == 1);
                CHECK(result.all.empty());
        }
}

TEST_CASE("A value with which kubelet does not start is refused, unless kubelet is told not to look",
        "[sysctl]")
{
        const std::string wrong = "[sysctl]\nvm.overcommit_memory = 2\n";
        CHECK(found(wrong).problems ==
                Texts{"node.toml, line 2, column 4: sysctl.vm.overcommit_memory = \"2\": "
                      "kubelet demands 1 and would not start"});
        CHECK(one("vm.overcommit_memory = 1").problems.empty());
        CHECK(one("kernel.keys.root_maxkeys = 5").problems.size() == 1);
        CHECK(found(wrong + "[kubelet.config]\nprotectKernelDefaults = false\n").problems.empty());
        CHECK(found(wrong + "[kubelet]\nconfigMode = 'replace'\n").problems.empty());
        CHECK(found(wrong + "[kubelet]\nconfigMode = 'replace'\nconfig = {protectKernelDefaults = true}\n")
                        .problems.size() == 1);
}

TEST_CASE("A parameter is the profile's until a layer sets it", "[sysctl]")
{
        Problems problems;
        const auto of_profile = [&](const std::string& source, const char* chosen) {
                return sysctls({{"profile", chosen}, {"sysctl", {{"kernel", {{"pid_max", 1}}}}}},
                        {{"sysctl.kernel.pid_max", {source, 1, 1}}}, problems)
                        .at(0)
                        .of_profile;
        };

        CHECK(of_profile("/usr/share/eks/profiles/batch.toml", "batch"));
        CHECK(of_profile("/etc/eks/profiles/batch.toml", "batch"));
        CHECK(of_profile("/etc/eks/mine.toml", "/etc/eks/mine.toml"));
        CHECK_FALSE(of_profile("/etc/eks/node.toml", "batch"));
        CHECK_FALSE(of_profile("user data", "batch"));
}
