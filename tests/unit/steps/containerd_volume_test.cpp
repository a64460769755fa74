// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "steps/containerd-volume/containerd_volume.hpp"
#include "steps/containerd-volume/disks.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;
using std::chrono_literals::operator""ms;

namespace {

const DiskContent blank{};
const DiskContent xfs{.type = "xfs", .label = "containerd", .partition_label = {}, .other = {}};

// A machine's disks, and what was done to them.
struct FakeDisks {
        std::vector<BlockDevice> devices;
        std::map<std::string, DiskContent> contents;
        std::map<std::string, std::string> names = {};  // device to its name in EC2's mapping
        std::map<std::string, std::string> places = {}; // device to where it is mounted
        std::string there = {};                         // what is mounted at containerd's directory
        std::string unit = {};                          // the file of a mount unit of that directory
        unsigned appears_after = 0;                     // looks
        std::string recorded = {};
        std::vector<std::string> calls = {};

        Disks disks()
        {
                return {.list =
                                [this] {
                                        if (appears_after == 0)
                                                return devices;
                                        --appears_after;
                                        return std::vector<BlockDevice>();
                                },
                        .exists = [this](const std::string& path) { return contents.contains(path); },
                        .content =
                                [this](const std::string& path) {
                                        const auto found = contents.find(path);
                                        return found == contents.end() ? std::nullopt
                                                                       : std::optional(found->second);
                                },
                        .mapping_name =
                                [this](const std::string& path) {
                                        return names.contains(path) ? names.at(path) : std::string();
                                },
                        .mount_point =
                                [this](const std::string& path) {
                                        return places.contains(path) ? places.at(path) : std::string();
                                },
                        .mounted = [this](const std::string&) { return there; },
                        .mount_unit = [this](const std::string&) { return unit; },
                        .format =
                                [this](const std::string& path, const std::string& filesystem,
                                        const std::string& label) {
                                        calls.push_back("format " + path + " " + filesystem + " " + label);
                                },
                        .mount =
                                [this](const std::string& path, const std::string& type) {
                                        calls.push_back("mount " + path + " " + type);
                                },
                        .recorded = [this](const VolumeSettings&) { return recorded; },
                        .record = [this](const VolumeSettings&,
                                          const std::string& known_as) { recorded = known_as; }};
        }
};

constexpr auto ebs = "Amazon Elastic Block Store";
constexpr auto store = "Amazon EC2 NVMe Instance Storage";

FakeDisks machine()
{
        return {.devices = {{"/dev/nvme0n1", ebs, "vol0aaaaaaaaaaaaaaaa"}, {"/dev/nvme0n1p1", "", ""},
                        {"/dev/nvme1n1", ebs, "vol0bbbbbbbbbbbbbbbb"}, {"/dev/nvme2n1", store, "AWS2"},
                        {"/dev/nvme3n1", store, "AWS1"}},
                .contents = {{"/dev/nvme0n1", {.other = "a partition table (gpt)"}},
                        {"/dev/nvme0n1p1", {.type = "xfs", .label = "/", .partition_label = "Linux"}},
                        {"/dev/nvme1n1", blank}, {"/dev/nvme2n1", blank}, {"/dev/nvme3n1", blank}},
                .names = {{"/dev/nvme0n1", "/dev/xvda"}, {"/dev/nvme1n1", "sdf"}},
                .places = {{"/dev/nvme0n1p1", "/"}}};
}

VolumeSettings volume(const std::string& device, const std::string& label = {})
{
        return {.device = device, .label = label, .source = "node.toml, line 1"};
}

using Calls = std::vector<std::string>;

} // namespace

TEST_CASE("A volume is found by every name it has", "[containerd-volume]")
{
        auto fake = machine();
        for (const auto& [name, path] : {std::pair("vol-0bbbbbbbbbbbbbbbb", "/dev/nvme1n1"),
                     {"sdf", "/dev/nvme1n1"}, {"/dev/sdf", "/dev/nvme1n1"}, {"xvdf", "/dev/nvme1n1"},
                     {"/dev/xvdf", "/dev/nvme1n1"}, {"/dev/sda", "/dev/nvme0n1"},
                     {"/dev/nvme2n1", "/dev/nvme2n1"}, {"instance-store", "/dev/nvme3n1"}}) {
                CAPTURE(name);
                CHECK(find_volume(volume(name), fake.disks()) == path);
        }

        for (const auto* name : {"vol-0cccccccccccccccc", "sdg", "/dev/nvme9n1"})
                CHECK_FALSE(find_volume(volume(name), fake.disks()));
        fake.contents["/dev/xvdg"] = blank; // a Xen instance
        CHECK(find_volume(volume("/dev/sdg"), fake.disks()) == "/dev/xvdg");
}

TEST_CASE("An instance store that was formatted is found again under another name", "[containerd-volume]")
{
        auto fake = machine();
        fake.contents["/dev/nvme2n1"] = xfs;
        CHECK(find_volume(volume("instance-store"), fake.disks()) == "/dev/nvme2n1");
        fake.devices.resize(3);
        CHECK_FALSE(find_volume(volume("instance-store"), fake.disks()));
}

TEST_CASE("Of the instance store, the first disk that is blank and unused is taken, and no other",
        "[containerd-volume]")
{
        auto fake = machine(); // nvme3n1 is the first by serial
        fake.contents["/dev/nvme3n1"] = {.type = "ext4", .label = "somebody's"};
        CHECK(find_volume(volume("instance-store"), fake.disks()) == "/dev/nvme2n1");

        fake.contents["/dev/nvme3n1"] = blank;
        fake.places["/dev/nvme3n1"] = "/data";
        CHECK(find_volume(volume("instance-store"), fake.disks()) == "/dev/nvme2n1");

        auto two = machine();
        two.contents["/dev/nvme2n1"] = two.contents["/dev/nvme3n1"] = xfs;
        const auto same = refusal([&] { find_volume(volume("instance-store"), two.disks()); });
        CHECK(same.failure == "volume-occupied");
        CHECK(same.mentions("'/dev/nvme3n1' and '/dev/nvme2n1' both have the label 'containerd'"));

        fake.contents["/dev/nvme2n1"] = {.type = "xfs"}; // without our label it is not ours
        const auto none = refusal([&] { ensure_volume(volume("instance-store"), fake.disks(), 0ms); });
        CHECK(none.failure == "volume-occupied");
        CHECK(none.mentions("'/dev/nvme3n1' is mounted at '/data', '/dev/nvme2n1' holds xfs"));
        CHECK(fake.calls.empty());
}

TEST_CASE("A label is a filesystem's or a partition's, and one device has it", "[containerd-volume]")
{
        auto fake = machine();
        CHECK(find_volume(volume({}, "Linux"), fake.disks()) == "/dev/nvme0n1p1");
        CHECK_FALSE(find_volume(volume({}, "containerd"), fake.disks()));

        fake.contents["/dev/nvme1n1"] = xfs;
        CHECK(find_volume(volume({}, "containerd"), fake.disks()) == "/dev/nvme1n1");

        fake.contents["/dev/nvme2n1"].partition_label = "containerd";
        const auto two = refusal([&] { find_volume(volume({}, "containerd"), fake.disks()); });
        CHECK(two.failure == "volume-occupied");
        CHECK(two.mentions("'/dev/nvme1n1' and '/dev/nvme2n1'"));
}

TEST_CASE("Once a disk was used, no other one with its label is", "[containerd-volume]")
{
        auto fake = machine();
        const auto labelled = volume({}, "containerd");
        fake.contents["/dev/nvme1n1"] = xfs;
        CHECK(ensure_volume(labelled, fake.disks(), 0ms).changed);
        CHECK(fake.recorded == "vol0bbbbbbbbbbbbbbbb");

        // A pod has written the label to its volume.
        fake.contents["/dev/nvme0n1"] = xfs;
        CHECK(find_volume(labelled, fake.disks()) == "/dev/nvme1n1");

        // Ours is late.
        fake.contents["/dev/nvme1n1"] = blank;
        CHECK_FALSE(find_volume(labelled, fake.disks()));

        const auto late = refusal([&] { ensure_volume(labelled, fake.disks(), 0ms); });
        CHECK(late.failure == "volume-missing");
        CHECK(late.mentions("vol0bbbbbbbbbbbbbbbb"));
        CHECK(late.remedy.find("/var/lib/eks/containerd-volume") != std::string::npos);
        CHECK(fake.calls == Calls{"mount /dev/nvme1n1 xfs"});
}

TEST_CASE("The one that is mounted is recorded, whatever else has its label", "[containerd-volume]")
{
        auto fake = machine();
        fake.contents["/dev/nvme0n1"] = fake.contents["/dev/nvme1n1"] = fake.contents["/dev/nvme2n1"] = xfs;
        fake.places["/dev/nvme1n1"] = "/var/lib/containerd";
        CHECK_FALSE(ensure_volume(volume({}, "containerd"), fake.disks(), 0ms).changed);
        CHECK(fake.recorded == "vol0bbbbbbbbbbbbbbbb");
}

TEST_CASE("Of the instance store only the recorded disk counts as ours", "[containerd-volume]")
{
        auto fake = machine();
        fake.recorded = "AWS1";
        fake.contents["/dev/nvme2n1"] = fake.contents["/dev/nvme3n1"] = xfs;
        CHECK(find_volume(volume("instance-store"), fake.disks()) == "/dev/nvme3n1");

        // The instance was stopped and has other disks.
        fake.recorded = "AWS9";
        fake.contents["/dev/nvme3n1"] = blank;
        CHECK(find_volume(volume("instance-store"), fake.disks()) == "/dev/nvme3n1");
        CHECK(ensure_volume(volume("instance-store"), fake.disks(), 0ms).changed);
        CHECK(fake.recorded == "AWS1");
}

TEST_CASE("A disk is recorded by its serial number, for one instance and setting", "[containerd-volume]")
{
        const auto devices = machine().devices;
        CHECK(known_as(devices, "/dev/nvme1n1") == "vol0bbbbbbbbbbbbbbbb");
        CHECK(known_as(devices, "/dev/nvme1n1p2") == "vol0bbbbbbbbbbbbbbbb-part2");
        CHECK(known_as(devices, "/dev/nvme1n12") == "/dev/nvme1n12");
        CHECK(known_as(devices, "/dev/xvdf") == "/dev/xvdf");

        const auto settings = volume({}, "two words");
        const auto text = volume_record_of("i-1", settings, "vol0b");
        CHECK(recorded_disk(text, "i-1", settings) == "vol0b");
        CHECK(recorded_disk(text, "i-2", settings).empty());
        CHECK(recorded_disk(text, "i-1", volume({}, "words")).empty());
        CHECK(recorded_disk("", "i-1", settings).empty());
}

TEST_CASE("A program that does not end is tried again, one that fails is not", "[containerd-volume]")
{
        const auto run = [](const std::vector<std::string>& command) {
                return refusal([&] { run_disk_program(command, failure::mkfs_failed, {}, 50ms); });
        };
        CHECK(run({"/usr/bin/sleep", "60"}).failure == "storage-timeout");
        CHECK(run({"/usr/bin/false"}).failure == "mkfs-failed");
        CHECK(failure::storage_timeout.status == Errc::unreachable);
}

TEST_CASE("A blank volume is formatted, and mounted", "[containerd-volume]")
{
        auto fake = machine();
        const auto result = ensure_volume(volume("sdf"), fake.disks(), 0ms);
        CHECK(result.changed);
        CHECK(result.remark ==
                "formatted /dev/nvme1n1 with xfs, mounted /dev/nvme1n1 at /var/lib/containerd");
        CHECK(fake.calls == Calls{"format /dev/nvme1n1 xfs containerd", "mount /dev/nvme1n1 xfs"});

        auto labelled = machine();
        labelled.contents["/dev/nvme1n1"].partition_label = "images";
        auto settings = volume({}, "images");
        settings.filesystem = "ext4";
        ensure_volume(settings, labelled.disks(), 0ms);
        CHECK(labelled.calls == Calls{"format /dev/nvme1n1 ext4 images", "mount /dev/nvme1n1 ext4"});

        labelled.contents["/dev/nvme1n1"].partition_label = "a label too long for XFS";
        labelled.calls.clear();
        ensure_volume(volume({}, "a label too long for XFS"), labelled.disks(), 0ms);
        CHECK(labelled.calls.front() == "format /dev/nvme1n1 xfs containerd");
}

TEST_CASE("A filesystem is mounted as it is", "[containerd-volume]")
{
        auto fake = machine();
        for (const auto* type : {"xfs", "ext4"}) {
                fake.calls.clear();
                fake.contents["/dev/nvme1n1"] = {.type = type};
                CHECK(ensure_volume(volume("sdf"), fake.disks(), 0ms).changed);
                CHECK(fake.calls == Calls{"mount /dev/nvme1n1 " + std::string(type)});
        }
}

TEST_CASE("What is mounted stays", "[containerd-volume]")
{
        auto fake = machine();
        fake.places["/dev/nvme1n1"] = "/var/lib/containerd";
        const auto result = ensure_volume(volume("sdf"), fake.disks(), 0ms);
        CHECK_FALSE(result.changed);
        CHECK(result.remark == "/dev/nvme1n1 is mounted at /var/lib/containerd");
        CHECK(fake.calls.empty());
}

TEST_CASE("Nothing is formatted that cannot be mounted", "[containerd-volume]")
{
        auto fake = machine();
        fake.unit = "/etc/systemd/system/var-lib-containerd.mount";
        const auto refused = refusal([&] { ensure_volume(volume("sdf"), fake.disks(), 0ms); });
        CHECK(refused.failure == "volume-occupied");
        CHECK(refused.mentions(
                "'/etc/systemd/system/var-lib-containerd.mount' is there to mount something else"));
        CHECK(fake.calls.empty());
}

TEST_CASE("Nothing is formatted that holds something", "[containerd-volume]")
{
        auto fake = machine();
        struct Row {
                DiskContent content;
                std::string what;
        };

        for (const auto& row : {Row{{.other = "a partition table (gpt)"}, "a partition table (gpt)"},
                     Row{{.type = "swap"}, "swap"}, Row{{.type = "LVM2_member"}, "LVM2_member"},
                     Row{{.type = "xfs", .other = "signatures of more than one kind"}, "more than one kind"},
                     Row{{.other = "data of an unknown kind"}, "unknown kind"}}) {
                CAPTURE(row.what);
                fake.contents["/dev/nvme1n1"] = row.content;
                const auto result = refusal([&] { ensure_volume(volume("sdf"), fake.disks(), 0ms); });
                CHECK(result.failure == "volume-occupied");
                CHECK(result.mentions("node.toml, line 1: '/dev/nvme1n1' is not blank: it holds "));
                CHECK(result.mentions(row.what));
                CHECK(fake.calls.empty());
        }
}

TEST_CASE("A volume or directory in use is refused", "[containerd-volume]")
{
        auto fake = machine();
        fake.there = "/dev/nvme2n1";
        CHECK(refusal([&] {
                ensure_volume(volume("sdf"), fake.disks(), 0ms);
        }).mentions("'/dev/nvme2n1' is mounted at '/var/lib/containerd' already"));

        CHECK(refusal([&] {
                ensure_volume(volume({}, "Linux"), fake.disks(), 0ms);
        }).mentions("'/dev/nvme0n1p1' is mounted at '/'"));

        fake.there = {};
        fake.places["/dev/nvme1n1"] = "/data";
        CHECK(refusal([&] { ensure_volume(volume("sdf"), fake.disks(), 0ms); }).failure ==
                "volume-occupied");
        CHECK(fake.calls.empty());

        fake.places.clear();
        fake.contents.erase("/dev/nvme1n1");
        CHECK(refusal([&] { ensure_volume(volume("sdf"), fake.disks(), 0ms); }).failure == "volume-failed");
}

TEST_CASE("A volume is waited for, until the deadline", "[containerd-volume]")
{
        auto fake = machine();
        fake.appears_after = 2;
        CHECK(ensure_volume(volume("vol-0bbbbbbbbbbbbbbbb"), fake.disks(), 60'000ms).changed);
        const auto late = refusal([&] { ensure_volume(volume({}, "none"), fake.disks(), 0ms); });
        CHECK(late.failure == "volume-missing");
        CHECK(late.mentions("node.toml, line 1: no disk matches 'label none'"));
}

TEST_CASE("Block devices are those of sysfs that have a size", "[containerd-volume]")
{
        const test::TemporaryDirectory root;
        const std::string directory = "/sys/class/block/";
        for (const auto* name : {"nvme0n1", "nvme0n1p1", "ram0", "zram0", "loop0", "loop1"})
                root.write(directory + name + "/size", name == std::string("loop1") ? "0\n" : "2048\n");
        root.write(directory + "nvme0n1/device/model", "Amazon Elastic Block Store              \n");
        root.write(directory + "nvme0n1/device/serial", "vol0aaaaaaaaaaaaaaaa\n");
        const auto devices = block_devices(root.root());
        REQUIRE(devices.size() == 3);
        CHECK(devices[0].path == "/dev/loop0");
        CHECK(devices[1].path == "/dev/nvme0n1");
        CHECK(devices[1].model == ebs);
        CHECK(devices[1].serial == "vol0aaaaaaaaaaaaaaaa");
        CHECK(devices[2].path == "/dev/nvme0n1p1");
        CHECK(devices[2].model.empty());
}

TEST_CASE("An EBS volume calls itself as the block device mapping does", "[containerd-volume]")
{
        std::string answer(4096, '\0');
        answer[0] = '\x0f';
        answer[1] = '\x1d';
        answer.replace(3072, 32, "/dev/sdf                        ");
        CHECK(mapping_name_in(answer) == "/dev/sdf");

        answer.replace(3072, 32, std::string("sdbz") + std::string(28, '\0'));
        CHECK(mapping_name_in(answer) == "sdbz");
        CHECK(mapping_name_in(answer.substr(0, 3000)).empty());

        answer[1] = '\x1e'; // another vendor's
        CHECK(mapping_name_in(answer).empty());
}

TEST_CASE("Mounts are read from the kernel's table", "[containerd-volume]")
{
        constexpr auto table =
                "22 1 259:1 / / rw,noatime shared:1 - xfs /dev/nvme0n1p1 rw\n"
                "40 22 0:30 / /var/lib/containerd rw - overlay overlay rw\n"
                "41 22 259:4 / /var/lib/containerd rw,noatime shared:9 - xfs /dev/nvme1n1 rw\n"
                "42 22 259:5 / /mnt/two\\040words/1 rw - xfs /dev/mapper/a\\134b rw\n"
                "broken\n";
        CHECK(mount_point_in(table, "259:5") == "/mnt/two words/1");
        CHECK(mounted_in(table, "/mnt/two words/1") == "/dev/mapper/a\\b");
        CHECK(mount_point_in(table, "259:4") == "/var/lib/containerd");
        CHECK(mount_point_in(table, "259:1") == "/");
        CHECK(mount_point_in(table, "259:9").empty());
        CHECK(mounted_in(table, "/var/lib/containerd") == "/dev/nvme1n1");
        CHECK(mounted_in(table, "/var/lib").empty());
}
