// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/node_config.hpp"
#include "config/volume.hpp"
#include "support.hpp"

using namespace eks;

namespace {

struct ReadVolume {
        std::optional<VolumeSettings> volume;
        Problems problems;
};

ReadVolume read_volume(const std::string& toml)
{
        const auto layer = parse_node_toml("[containerd.volume]\n" + toml, "node.toml");
        ReadVolume read;
        read.volume = containerd_volume(layer.tree, layer.marks, read.problems);
        return read;
}

} // namespace

TEST_CASE("A volume has a device or a label", "[volume]")
{
        const auto device = read_volume("device = '/dev/sdf'\nfilesystem = 'ext4'\n");
        REQUIRE(device.volume);
        CHECK(device.volume->device == "/dev/sdf");
        CHECK(device.volume->filesystem == "ext4");
        CHECK(device.volume->name() == "/dev/sdf");
        CHECK(device.volume->source == "node.toml, line 2, column 1");

        const auto label = read_volume("label = 'images'\n");
        REQUIRE(label.volume);
        CHECK(label.volume->filesystem == "xfs");
        CHECK(label.volume->name() == "label images");

        Problems problems;
        CHECK_FALSE(containerd_volume(Json::object(), {}, problems));
        CHECK(problems.empty());
}

TEST_CASE("Every form of a device is taken, and no other", "[volume]")
{
        for (const auto* good : {"/dev/sdf", "sdf", "xvdf", "/dev/xvdbz", "sda1", "vol-0123456789abcdef0",
                     "vol-1a2b3c4d", "instance-store", "/dev/disk/by-id/nvme-x", "/dev/nvme1n1"}) {
                CAPTURE(good);
                CHECK(read_volume("device = '" + std::string(good) + "'\n").volume);
        }
        for (const auto* bad :
                {"nvme1n1", "vol-xyz", "vol-", "vol-0123456789ABCDEF0", "/dev/", "/etc/passwd",
                        "/dev/../etc/passwd", "sd", "xvd", "sd1", "sdABC", "sdabcdef", "instance-stores"}) {
                CAPTURE(bad);
                const auto result = read_volume("device = '" + std::string(bad) + "'\n");
                CHECK_FALSE(result.volume);
                REQUIRE(result.problems.texts().size() == 1);
                CHECK(result.problems.texts().front().starts_with(
                        "node.toml, line 2, column 1: containerd.volume.device = "));
        }
}

TEST_CASE("Neither, both, or an invalid label are refused", "[volume]")
{
        CHECK(read_volume("filesystem = 'xfs'\n").problems.texts().front().find("names no volume") !=
                std::string::npos);
        CHECK(read_volume("device = 'sdf'\nlabel = 'a'\n")
                        .problems.texts()
                        .front()
                        .find("names two volumes") != std::string::npos);
        CHECK_FALSE(read_volume("label = 'a label that is longer than any can be'\n").volume);
        CHECK_FALSE(read_volume("label = \"a\\nb\"\n").volume);
}

TEST_CASE("Names that mean the same device have the same key", "[volume]")
{
        for (const auto* name : {"sdf", "xvdf", "/dev/sdf", "/dev/xvdf"})
                CHECK(mapping_key(name) == "f");
        CHECK(mapping_key("/dev/sda1") == "a1");
        for (const auto* name : {"", "f", "/dev/nvme1n1", "/dev/disk/by-id/sdf", "sd/f"})
                CHECK(mapping_key(name).empty());
}
