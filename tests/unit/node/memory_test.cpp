// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "node/memory.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;

namespace {

constexpr auto meminfo = "MemTotal:        7862340 kB\nMemFree:          123456 kB\n";

} // namespace

TEST_CASE("Memory is the blocks that are online", "[memory]")
{
        const test::TemporaryDirectory machine;
        const std::string directory = "/sys/devices/system/memory/";
        machine.write(directory + "block_size_bytes", "8000000\n"); // 128 MiB

        for (int block = 0; block < 64; ++block)
                machine.write(directory + "memory" + std::to_string(block) + "/online", "1\n");
        machine.write(directory + "power/online", "1\n"); // no block
        machine.write("/proc/meminfo", meminfo);
        CHECK(online_memory_mib(machine.root()) == 8192);

        machine.write(directory + "memory7/online", "0\n");
        CHECK(online_memory_mib(machine.root()) == 8064);

        machine.write(directory + "memory99/state", "going\n"); // one that goes away as we look
        CHECK(online_memory_mib(machine.root()) == 8064);
}

TEST_CASE("Without blocks it is what the kernel has", "[memory]")
{
        const test::TemporaryDirectory machine;
        machine.write("/proc/meminfo", meminfo);
        CHECK(online_memory_mib(machine.root()) == 7678);
        machine.write("/sys/devices/system/memory/block_size_bytes", "8000000\n");
        CHECK(online_memory_mib(machine.root()) == 7678);
}

TEST_CASE("Memory that nothing tells is an error", "[memory]")
{
        const test::TemporaryDirectory machine;
        CHECK(refusal([&] { online_memory_mib(machine.root()); }).failure == "file-io");

        for (const auto* text : {"", "MemFree: 5 kB\n", "MemTotal: many kB\n", "MemTotal: 0 kB\n",
                     "MemTotal: 99999999999999999999999 kB\n", "MemTotal:\n", "MemTotal: kB\n"}) {
                CAPTURE(text);
                machine.write("/proc/meminfo", text);
                const auto result = refusal([&] { online_memory_mib(machine.root()); });
                CHECK(result.failure == "file-io");
                CHECK(result.mentions("/proc/meminfo"));
        }

        machine.write("/proc/meminfo", meminfo);
        machine.write("/sys/devices/system/memory/block_size_bytes", "large\n");
        CHECK(refusal([&] { online_memory_mib(machine.root()); }).mentions("block_size_bytes"));
}
