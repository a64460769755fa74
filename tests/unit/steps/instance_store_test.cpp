// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "steps/instance-store/copy.hpp"
#include "steps/instance-store/instance_store.hpp"
#include "steps/instance-store/machine.hpp"
#include "support.hpp"

using namespace eks;

namespace {

constexpr auto store_model = "Amazon EC2 NVMe Instance Storage";

// The beginning of a disk of an array of two.
std::string member_of(char level)
{
        std::string bytes(member_bytes, '\0');
        bytes.replace(4096, 8, std::string("\xfc\x4e\x2b\xa9\x01\0\0\0", 8));
        bytes.replace(4096 + 16, 16, "an array's uuid.");
        bytes[4096 + 72] = level;
        bytes[4096 + 92] = 2;
        return bytes;
}

StoreDisk disk_with(const std::string& beginning)
{
        StoreDisk disk{.path = "/dev/nvme1n1",
                .model = store_model,
                .serial = "AWS1",
                .content = {.type = member_type,
                        .label = "node:kubernetes",
                        .partition_label = {},
                        .other = {}}};
        read_member(disk, beginning);

        return disk;
}

std::string refusal_of(const StoreDisk& disk)
{
        std::vector<std::string> notes;
        try {
                auto blank = disk;
                blank.path = "/dev/nvme2n1";
                blank.serial = "AWS2";
                blank.content = {};
                StorageFacts facts{.disks = {disk, blank}};
                const auto actions = next_actions({.source = "test"}, facts, notes);
                return actions.empty() ? "nothing" : std::string(name_of(actions.front().kind));
        } catch (const Error& error) {
                return error.what();
        }
}

} // namespace

TEST_CASE("The superblock of a member says its array, level and number of disks", "[instance-store]")
{
        const auto disk = disk_with(member_of('\n'));
        CHECK(disk.array_id == "616e206172726179277320757569642e");
        CHECK(disk.level == 10);
        CHECK(disk.devices == 2);
        CHECK(disk.content.other.empty());
}

TEST_CASE("A member is ours by its level, too", "[instance-store]")
{
        CHECK(refusal_of(disk_with(member_of(0))) == "wipe"); // the other disk of its array has gone
        CHECK(refusal_of(disk_with(member_of('\n'))) == "wipe");

        for (const char level : {'\1', '\5'}) {
                INFO("level " << int{level});
                CHECK(refusal_of(disk_with(member_of(level))).find("holds linux_raid_member") !=
                        std::string::npos);
        }

        // Of a linear array.
        CHECK(refusal_of(disk_with(member_of('\xff'))).find("holds linux_raid_member") != std::string::npos);
}

TEST_CASE("A member without a superblock at 4 KiB is not ours", "[instance-store]")
{
        for (const auto length : {std::size_t{0}, member_bytes - 1, member_bytes}) {
                INFO("length " << length);
                const auto disk = disk_with(std::string(length, '\0'));
                CHECK(disk.level == -1);
                CHECK(refusal_of(disk).find("holds linux_raid_member") != std::string::npos);
        }
}

TEST_CASE("A member that was given a boot sector is not ours", "[instance-store]")
{
        auto bytes = member_of(0);
        bytes.replace(510, 2, "\x55\xaa");
        CHECK(refusal_of(disk_with(bytes)).find("holds a boot sector and a former member of an array") !=
                std::string::npos);
}

TEST_CASE("A disk came later if a run of this boot has ended well without it", "[instance-store]")
{
        CHECK_FALSE(came_later(std::nullopt, "AWS1"));
        CHECK(came_later("", "AWS1"));
        const auto record = "disk /dev/nvme1n1 AWS1 5.0 GiB\nmount /mnt/k8s-disks/1 /dev/nvme1n1\n";
        CHECK_FALSE(came_later(record, "AWS1"));
        CHECK(came_later(record, "AWS2"));
}

TEST_CASE("A disk that came later is one at the next run, too", "[instance-store]")
{
        const StorageFacts facts{.disks = {{.path = "/dev/nvme1n1", .model = store_model, .serial = "AWS1"},
                                         {.path = "/dev/nvme2n1",
                                                 .model = store_model,
                                                 .serial = "AWS2",
                                                 .came_later = true}}};
        const auto record = storage_summary({}, facts);
        CHECK(record == "disk /dev/nvme1n1 AWS1 0.0 GiB\nlater-disk /dev/nvme2n1 AWS2 0.0 GiB\n");
        CHECK(came_later(record, "AWS2"));
        CHECK_FALSE(came_later(record, "AWS1"));
}

namespace {

// What is done at a time with so many blank disks.
std::vector<std::string> batches(const LocalStorage& settings, unsigned count)
{
        StorageFacts facts;
        for (unsigned n = 1; n <= count; ++n)
                facts.disks.push_back({.path = fmt::format("/dev/nvme{}n1", n),
                        .model = store_model,
                        .serial = fmt::format("AWS{:02}", n)});
        std::vector<std::string> done;
        std::vector<std::string> notes;

        for (;;) {
                const auto actions = next_actions(settings, facts, notes);
                if (actions.empty())
                        return done;
                done.push_back(fmt::format("{} {}", name_of(actions.front().kind), actions.size()));
        }
}

} // namespace

TEST_CASE("With Mount, what is alike is done to all disks side by side", "[instance-store]")
{
        LocalStorage settings{.strategy = LocalStorage::Strategy::mount, .source = "test"};
        CHECK(batches(settings, 24) == std::vector<std::string>{"format 24", "mount 24"});
        settings.encrypt = true;
        CHECK(batches(settings, 24) == std::vector<std::string>{"encrypt 24", "format 24", "mount 24"});
}

TEST_CASE("What is on an array follows after its mount", "[instance-store]")
{
        const auto done = batches({.source = "test"}, 4);
        REQUIRE(done.size() > 4);
        CHECK(std::vector(done.begin(), done.begin() + 5) == std::vector<std::string>{"create-array 1",
                                                                     "format 1", "mount 1",
                                                                     "make-directory 1", "bind 1"});
}

TEST_CASE("A directory is copied as it is", "[instance-store]")
{
        const test::TemporaryDirectory root;
        for (int folder = 0; folder < 20; ++folder)
                for (int file = 0; file < 20; ++file)
                        root.write(fmt::format("/from/{}/below/{}", folder, file),
                                fmt::format("{} of {}", file, folder));
        root.write("/from/empty", "", 0600);
        root.write("/from/large", std::string(5'000'000, 'x'));
        root.link("/from/link", "nowhere");
        root.write("/to.partial/left", "of an earlier run");
        copy_directory(root("/from"), root("/to"));
        CHECK(root.names("/to").size() == 23);
        CHECK(root.read("/to/7/below/13") == "13 of 7");
        CHECK(root.read("/to/large").size() == 5'000'000);
        CHECK(root.mode("/to/empty") == 0600);
        CHECK(root.has("/to/link"));
        CHECK(!root.has("/to.partial"));
        CHECK(root.has("/from/empty"));
}

TEST_CASE("A directory that cannot be copied leaves nothing under the name of the copy", "[instance-store]")
{
        const test::TemporaryDirectory root;
        const auto refused = test::refusal([&] { copy_directory(root("/absent"), root("/to")); });
        CHECK(refused.failure == "volume-failed");
        CHECK(refused.mentions("/usr/bin/cp"));
        CHECK(!root.has("/to"));
}

TEST_CASE("Nothing is written if a link or a file is where it would be mounted", "[instance-store]")
{
        for (const auto* where : {"/mnt/k8s-disks/0", "/var/lib/kubelet"}) {
                CAPTURE(where);
                StorageFacts facts{
                        .disks = {{.path = "/dev/nvme1n1", .model = store_model, .serial = "AWS1"}}};
                std::vector<std::string> notes;
                facts.directories[where].obstacle = "'/mnt' is a symbolic link";
                const auto refused = test::refusal([&] { next_actions({.source = "test"}, facts, notes); });
                CHECK(refused.failure == "mount-point-busy");
                CHECK(refused.mentions("'/mnt' is a symbolic link"));
        }

        const test::TemporaryDirectory root;
        root.write("/real/file", "");
        root.link("/link", root("/real"));
        CHECK(obstacle_at(root("/real")).empty());
        CHECK(obstacle_at(root("/real/absent/0")).empty());
        CHECK(obstacle_at(root("/link/absent")) == fmt::format("'{}' is a symbolic link", root("/link")));
        CHECK(obstacle_at(root("/real/file")) == fmt::format("'{}' is not a directory", root("/real/file")));
}
