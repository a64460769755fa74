// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <algorithm>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "steps/readahead/readahead.hpp"
#include "support.hpp"

using namespace eks;
using test::TemporaryDirectory;

namespace {

constexpr const char* asset_tag = "/sys/class/dmi/id/board_asset_tag";
constexpr const char* list = "/usr/share/eks/readahead.d/10-some.list";
constexpr std::uint64_t no_limit = 1 << 30;

std::string identity_of(const TemporaryDirectory& machine)
{
        return instance_identity(machine.path().c_str()).data();
}

Reading reading(const TemporaryDirectory& machine, std::uint64_t most = no_limit)
{
        return read_ahead(machine.path().c_str(), 60, most);
}

// How many pages of a file are in the page cache, after it was removed from there; nothing if it cannot be
// removed, as on tmpfs.
class Cached {
public:
        explicit Cached(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC))
        {
                ::fsync(file_.get());
                ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
        }
        [[nodiscard]] std::size_t pages(std::size_t size) const
        {
                void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file_.get(), 0);
                std::vector<unsigned char> resident((size + 4095) / 4096);
                ::mincore(memory, size, resident.data());
                ::munmap(memory, size);
                return static_cast<std::size_t>(
                        std::ranges::count_if(resident, [](unsigned char page) { return (page & 1) != 0; }));
        }

private:
        UniqueFd file_;
};

} // namespace

TEST_CASE("Lines of a list: a pattern, and perhaps the largest size", "[readahead]")
{
        CHECK(parse_list_line("/usr/bin/kubelet").pattern == "/usr/bin/kubelet");
        CHECK(parse_list_line("/usr/bin/kubelet").most == 0);
        CHECK(parse_list_line(" \t/a/* \t 512K \r").pattern == "/a/*");
        CHECK(parse_list_line(" \t/a/* \t 512K \r").most == 512 * 1024);
        CHECK(parse_list_line("/a 4M").most == 4 * 1024 * 1024);
        CHECK(parse_list_line("/a 100").most == 100);

        for (const auto* line : {"", "  ", "# /usr/bin/kubelet", "usr/bin/kubelet", "/a K", "/a 1G", "/a -1",
                     "/a 1234567890", "/a 1 2"})
                CHECK(parse_list_line(line).pattern.empty());
}

TEST_CASE("An instance is told by its DMI, and last by its machine-id", "[readahead]")
{
        TemporaryDirectory machine;
        CHECK(identity_of(machine).empty());
        CHECK_FALSE(has_read_before(machine.path().c_str(), instance_identity(machine.path().c_str())));

        machine.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        CHECK(identity_of(machine) == "0123456789abcdef0123456789abcdef");

        machine.write("/sys/class/dmi/id/product_uuid", "ec2a1b2c-0000\n");
        CHECK(identity_of(machine) == "ec2a1b2c-0000");

        machine.write(asset_tag, "To be filled by O.E.M.\n");
        CHECK(identity_of(machine) == "ec2a1b2c-0000");

        machine.write(asset_tag, "i-0123456789abcdef0\n");
        CHECK(identity_of(machine) == "i-0123456789abcdef0");

        machine.write(asset_tag, "i-" + std::string(1000, 'a') + "\n");
        CHECK(identity_of(machine).size() == sizeof(Identity) - 1);
}

TEST_CASE("An instance reads once; one from an image of it reads again", "[readahead]")
{
        TemporaryDirectory machine;
        const auto* const root = machine.path().c_str();
        machine.write("/var/lib/dpkg", ""); // /var/lib is there on every machine
        machine.write(asset_tag, "i-1\n");
        CHECK_FALSE(has_read_before(root, instance_identity(root)));

        remember_reading(root, instance_identity(root));
        CHECK(has_read_before(root, instance_identity(root)));

        machine.write(asset_tag, "i-12\n");
        CHECK_FALSE(has_read_before(root, instance_identity(root)));
}

TEST_CASE("What the lists name is read: files, patterns, directories, each once", "[readahead]")
{
        TemporaryDirectory machine;
        machine.write("/usr/bin/kubelet", std::string(300 * 1024, 'k'));
        machine.write("/usr/lib/a/one", "1");
        machine.write("/usr/lib/a/b/two", "22");
        machine.write("/usr/lib/a/empty", "");
        machine.write("/blobs/small", std::string(1024, 's'));
        machine.write("/blobs/large", std::string(1025, 'l'));
        machine.link("/usr/bin/link", "kubelet");
        machine.write(list,
                "# a comment\n/usr/{bin,sbin}/{kubelet,link}\n/usr/lib/a/\n/blobs/* 1K\n/none\n/none/*\n");
        const auto all = reading(machine);
        CHECK(all.files == 4);
        CHECK(all.bytes == 300 * 1024 + 1 + 2 + 1024);
        CHECK(all.complete);

        // Not more than the memory that is free.
        CHECK(reading(machine, 2048).bytes == 1 + 2 + 1024);

        // An admin's list of the same name replaces the vendor's; others are added.
        machine.write("/etc/eks/readahead.d/10-some.list", "/usr/lib/a/one");
        machine.write("/etc/eks/readahead.d/20-more.list", "/blobs/large");
        machine.write("/etc/eks/readahead.d/30-no-list", "/usr/bin/kubelet");
        CHECK(reading(machine).bytes == 1 + 1025);
        CHECK_FALSE(read_ahead(machine.path().c_str(), 0, no_limit).complete);

        // The generator reads one list only, which an admin may replace, too.
        CHECK(read_ahead(machine.path().c_str(), 60, no_limit, "20-more.list").bytes == 1025);
        CHECK(read_ahead(machine.path().c_str(), 60, no_limit, "10-some.list").bytes == 1);
        CHECK(read_ahead(machine.path().c_str(), 60, no_limit, "00-manager.list").files == 0);
}

TEST_CASE("Files that are read ahead are in the page cache as a whole", "[readahead]")
{
        constexpr std::size_t size = 3 * 1024 * 1024 + 5;
        TemporaryDirectory machine;
        machine.write("/usr/bin/kubelet", std::string(size, 'k'));
        machine.write(list, "/usr/bin/kubelet\n");

        const Cached cached(machine.path() + "/usr/bin/kubelet");
        if (cached.pages(size) > 0) {
                WARN("this file system keeps files in memory");
                return;
        }

        reading(machine);
        CHECK(cached.pages(size) == (size + 4095) / 4096);
}
