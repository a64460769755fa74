// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "node/cpu.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;
using test::TemporaryDirectory;

namespace {

constexpr auto cpus = "/sys/devices/system/cpu/";
constexpr auto nodes = "/sys/devices/system/node/";

void add_node_cpu(const TemporaryDirectory& node, unsigned number, unsigned cpu)
{
        node.write(nodes + ("node" + std::to_string(number)) + "/cpu" + std::to_string(cpu) + "/uevent", "");
}

void set_online(const TemporaryDirectory& node, std::string_view text)
{
        node.write(std::string(cpus) + "online", text);
}

} // namespace

TEST_CASE("CPUs are counted over NUMA nodes", "[cpu]")
{
        const TemporaryDirectory node;

        SECTION("one node with four")
        {
                for (unsigned cpu = 0; cpu < 4; ++cpu)
                        add_node_cpu(node, 0, cpu);
                CHECK(online_millicpus(node.root()) == 4000);
        }

        SECTION("two nodes with two each")
        {
                for (unsigned cpu = 0; cpu < 4; ++cpu)
                        add_node_cpu(node, cpu / 2, cpu);
                CHECK(online_millicpus(node.root()) == 4000);
        }

        SECTION("five nodes of which only some CPUs are online")
        {
                for (unsigned cpu = 0; cpu < 8; ++cpu)
                        add_node_cpu(node, cpu % 4, cpu);
                node.write(nodes + std::string("node4/meminfo"), ""); // memory only
                set_online(node, "0,2-4,6\n");
                CHECK(online_millicpus(node.root()) == 5000);
        }

        SECTION("entries that are no CPUs do not count")
        {
                add_node_cpu(node, 0, 0);
                for (const auto* name : {"node0/cpulist", "node0/cpumap", "node0/cpux/a", "node0/cpu/a",
                             "has_cpu", "nodex/cpu1/a", "power/cpu2/a"})
                        node.write(nodes + std::string(name), "");
                CHECK(online_millicpus(node.root()) == 1000);
        }
}

TEST_CASE("Without NUMA nodes every CPU directory counts", "[cpu]")
{
        const TemporaryDirectory node;
        for (unsigned cpu = 0; cpu < 4; ++cpu)
                node.write(cpus + ("cpu" + std::to_string(cpu)) + "/topology/core_id", "0\n");
        for (const auto* name : {"cpufreq/x", "cpuidle/x", "kernel_max", "possible"})
                node.write(cpus + std::string(name), "");
        CHECK(online_millicpus(node.root()) == 4000);

        set_online(node, "0-1\n");
        CHECK(online_millicpus(node.root()) == 4000); // nodeadm does not look there either
}

TEST_CASE("Lists of CPUs are read in every form", "[cpu]")
{
        const TemporaryDirectory node;
        for (unsigned cpu = 0; cpu < 16; ++cpu)
                add_node_cpu(node, 0, cpu);
        struct Row {
                const char* online;
                unsigned millicpus;
        };
        const auto row = GENERATE(values<Row>({{"0-15\n", 16000}, {"0", 1000}, {"15\n", 1000},
                {"0,1,2", 3000}, {"0-3,8-11", 8000}, {"0-3,2-5", 6000}, {"0-4095", 16000}}));
        CAPTURE(row.online);
        set_online(node, row.online);
        CHECK(online_millicpus(node.root()) == row.millicpus);
}

TEST_CASE("A malformed list of CPUs is an error", "[cpu]")
{
        const TemporaryDirectory node;
        add_node_cpu(node, 0, 0);
        const auto text =
                GENERATE("", "\n", "x", "0-", "-1", "0,,1", "0,", "0 1", "0-x", "0x0", "4294967296", "0--1");
        CAPTURE(text);
        set_online(node, text);
        const auto result = refusal([&] { online_millicpus(node.root()); });
        CHECK(result.failure == "file-io");
        CHECK(result.mentions("/sys/devices/system/cpu/online"));
}

TEST_CASE("No CPU at all is an error", "[cpu]")
{
        const TemporaryDirectory node;
        CHECK(refusal([&] { online_millicpus(node.root()); }).failure == "file-io");

        node.write(nodes + std::string("node0/cpulist"), "");
        CHECK(refusal([&] { online_millicpus(node.root()); }).failure == "file-io");

        add_node_cpu(node, 0, 5);
        set_online(node, "0-3\n");
        CHECK(refusal([&] { online_millicpus(node.root()); }).failure == "file-io");
}
