// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/swap_settings.hpp"
#include "document/toml.hpp"
#include "documents.hpp"

using namespace eks;
using Texts = std::vector<std::string>;

namespace {

constexpr std::uint64_t gib = 1U << 30U;

struct FoundSwap {
        std::optional<SwapSettings> settings;
        Texts problems;
};

FoundSwap read_swap(const std::string& toml)
{
        const auto layer = test::strict_node_toml(toml, "node.toml");
        Problems problems;
        const auto storage = local_storage(layer.tree, layer.marks, problems);
        auto settings = swap_settings(layer.tree, layer.marks, storage, problems);
        return {std::move(settings), problems.texts()};
}

} // namespace

TEST_CASE("Swap has a kind, a place and a size", "[swap]")
{
        CHECK_FALSE(read_swap("profile = 'a'\n").settings);
        CHECK_FALSE(read_swap("swap = ''\nswapSize = '1Gi'\n").settings);

        const auto off = read_swap("swap = 'off'\n").settings;
        REQUIRE(off);
        CHECK_FALSE(off->is_on());

        const auto zram = read_swap("profile = 'a'\nswap = 'zram'\n").settings;
        REQUIRE(zram);
        CHECK(zram->kind == SwapSettings::Kind::zram);
        CHECK(zram->source == "node.toml, line 2, column 1");
        CHECK(zram->directory.empty());
        CHECK(zram->size(4 * gib) >= 2 * gib - 100);
        CHECK(zram->size(4 * gib) <= 2 * gib);
        CHECK(zram->size(768 * gib) == 8 * gib); // the default has a limit

        CHECK(read_swap("swap = 'file'\n").settings->directory == "/var/lib/eks");
        CHECK(read_swap("swap = 'instance-store'\n").settings->directory.empty());
        CHECK(read_swap("swap = 'instance-store'\ninstance.localStorage.strategy = 'RAID0'\n")
                        .settings->directory == "/mnt/k8s-disks/0");
        CHECK(read_swap(
                      "swap = 'instance-store'\n[instance.localStorage]\nstrategy = 'Mount'\nmountPath = '/data'\n")
                        .settings->directory == "/data/1");
}

TEST_CASE("The size of swap is a share of the memory, or a quantity", "[swap]")
{
        const auto size = [](const std::string& text) {
                const auto found = read_swap("swap = 'zram'\nswapSize = '" + text + "'\n");
                CHECK(found.problems == Texts{});
                return found.settings->size(100 * gib);
        };

        CHECK(size("100%") == 100 * gib);
        CHECK(size("25%") == 25 * gib);
        CHECK(size("4Gi") == 4 * gib);
        CHECK(size("512Mi") == gib / 2);
        CHECK(size(" 1048576 ") == 1U << 20U);

        for (const auto* text : {"0%", "401%", "%", "-1%", "1.5Gi", "4G", "Gi", "0", "1Ki", "17Ti",
                     "99999999999Ti", "all", "4Gi%"}) {
                CAPTURE(text);
                const auto problems =
                        read_swap("swap = 'zram'\nswapSize = '" + std::string(text) + "'\n").problems;
                REQUIRE(problems.size() == 1);
                CHECK(problems[0] == "node.toml, line 2, column 1: swapSize = \"" + std::string(text) +
                                             "\": must be a size from 1Mi to 16Ti");
        }
}
