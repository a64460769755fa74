// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/kernel_settings.hpp"
#include "document/toml.hpp"
#include "documents.hpp"

using namespace eks;
using Texts = std::vector<std::string>;

namespace {

template <typename T>
struct Found {
        T all;
        Texts problems;
};

template <typename T>
Found<T> read(T (*reader)(const Json&, const Marks&, Problems&), const std::string& toml)
{
        const auto layer = test::strict_node_toml(toml, "node.toml");
        Problems problems;
        auto all = reader(layer.tree, layer.marks, problems);
        return {std::move(all), problems.texts()};
}

Found<std::vector<Sysctl>> pages(const std::string& line)
{
        return read(huge_pages, "[hugepages]\n" + line + "\n");
}
Found<Json> limits(const std::string& lines)
{
        return read(container_limits, "[limits]\n" + lines + "\n");
}

} // namespace

TEST_CASE("Huge pages have a size, a number, and perhaps a NUMA node", "[kernel-settings]")
{
        const auto found = pages("2Mi = 1024\n1Gi = { node0 = 4, node12 = '0' }");
        CHECK(found.problems == Texts{});
        REQUIRE(found.all.size() == 3);
        CHECK(found.all[0] ==
                Sysctl{"/sys/devices/system/node/node0/hugepages/hugepages-1048576kB/nr_hugepages", "4",
                        "hugepages.1Gi.node0", {"node.toml", 3, 9}});
        CHECK(found.all[1].name ==
                "/sys/devices/system/node/node12/hugepages/hugepages-1048576kB/nr_hugepages");
        CHECK(found.all[1].value == "0");
        CHECK(found.all[2] == Sysctl{"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "1024",
                                      "hugepages.2Mi", {"node.toml", 2, 1}});
        CHECK(pages("64Ki = 1\n16Gi = 1").problems == Texts{});
        CHECK(read(huge_pages, "profile = 'a'\n").all.empty());
}

TEST_CASE("Invalid huge pages are refused with their place", "[kernel-settings]")
{
        CHECK(pages("2Mi = -1").problems ==
                Texts{"node.toml, line 2, column 1: hugepages.2Mi = \"-1\": not a number of pages"});
        for (const auto* line : {"2M = 1", "3Mi = 1", "Mi = 1", "'' = 1", "2048 = 1", "1024Ki = 1",
                     "2Mi = 'a'", "2Mi = 1.5", "2Mi = true", "2Mi = [1]", "2Mi = 4294967297",
                     "2Mi = { node = 1 }", "2Mi = { node-1 = 1 }", "2Mi = { cpu0 = 1 }",
                     "2Mi = { node0 = { a = 1 } }", "2Mi = { node9999 = 1 }"}) {
                CAPTURE(line);
                CHECK(pages(line).problems.size() == 1);
                CHECK(pages(line).all.empty());
        }
}

TEST_CASE("Limits of containers are numbers, unlimited, or soft and hard", "[kernel-settings]")
{
        const auto found = limits(
                "core = 0\nmemlock = 'unlimited'\nnofile = '65536:1048576'\nstack = ' 8388608 : unlimited '");
        CHECK(found.problems == Texts{});
        CHECK(found.all == Json::parse(R"([{"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
                {"type": "RLIMIT_MEMLOCK", "soft": 18446744073709551615, "hard": 18446744073709551615},
                {"type": "RLIMIT_NOFILE", "soft": 65536, "hard": 1048576},
                {"type": "RLIMIT_STACK", "soft": 8388608, "hard": 18446744073709551615}])"));
        CHECK(read(container_limits, "[limits]\nnofile = 2000000\n[sysctl]\nfs.nr_open = 2000000\n")
                        .problems == Texts{});
}

TEST_CASE("Invalid limits are refused", "[kernel-settings]")
{
        CHECK(limits("nofile = 'unlimited'").problems ==
                Texts{"node.toml, line 2, column 1: limits.nofile = \"unlimited\": more than 1048576 files, with which no container "
                      "starts on some kernels"});
        for (const auto* line : {"files = 1", "NOFILE = 1", "RLIMIT_NOFILE = 1", "nofile = -1",
                     "nofile = ''", "nofile = '1:'", "nofile = ':1'", "nofile = '1:2:3'", "nofile = '2:1'",
                     "nofile = 'unlimited:1'", "nofile = 1.5", "nofile = [1]", "nofile = 1048577",
                     "nofile = { soft = 1 }", "nofile = 'infinity'"}) {
                CAPTURE(line);
                CHECK(limits(line).problems.size() == 1);
                CHECK(limits(line).all.empty());
        }
}
