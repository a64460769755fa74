// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <sys/swap.h>

#include <catch2/catch.hpp>

#include "base/fs.hpp"
#include "steps/swap/swap.hpp"
#include "support.hpp"
#include "systemd/swaps.hpp"

using namespace eks;
using Texts = std::vector<std::string>;

namespace {

constexpr std::uint64_t mib = 1U << 20U;
constexpr auto headline = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
constexpr auto file = "/var/lib/eks/swap";

// A machine whose kernel turns on whatever it is given.
class Machine : public test::TemporaryDirectory {
public:
        Machine()
        {
                write("/proc/swaps", headline);
                write("/var/lib/eks/x", "");
                write("/run/eks/x", "");
        }

        void zram_devices(const Texts& sizes) const
        {
                write("/sys/class/zram-control/hot_add", "7\n");
                for (std::size_t i = 0; i < sizes.size(); ++i) {
                        const auto name = "zram" + std::to_string(i);
                        write("/sys/block/" + name + "/disksize", sizes[i]);
                        write("/sys/block/" + name + "/comp_algorithm", "lzo [lzo-rle] zstd");
                        write("/sys/block/" + name + "/reset", "");
                        write("/dev/" + name, "");
                }
        }

        void list(const Texts& paths) const
        {
                std::string text = headline;
                for (const auto& path : paths)
                        text += path + "   file\t\t1024\t\t0\t\t-2\n";
                write("/proc/swaps", text);
        }

        struct Result {
                test::Refusal refused;
                std::string summary;
        };
        Result run(const std::optional<SwapSettings>& settings)
        {
                const auto paths = [&] {
                        Texts found;
                        for (const auto& area : swap_areas(root()))
                                found.push_back(area.path);
                        return found;
                };

                const SwapCalls calls{.on =
                                              [&](const std::string& path, int flags) {
                                                      priority = flags & SWAP_FLAG_PRIO_MASK;
                                                      CHECK((flags & SWAP_FLAG_PREFER) != 0);

                                                      auto now = paths();
                                                      now.push_back(path.substr(this->path().size()));

                                                      if (error == 0)
                                                              list(now);
                                                      return error;
                                              },
                        .off =
                                [&](const std::string& path) {
                                        auto now = paths();
                                        std::erase(now, path.substr(this->path().size()));
                                        if (error == 0)
                                                list(now);
                                        return error;
                                },
                        .filesystem = [&](const std::string&) { return filesystem; },
                        .is_mount_point = [&](const std::string&) { return mounted; }};

                const StartUnit start = [&](const std::string& unit, std::chrono::milliseconds) {
                        started.push_back(unit);
                        return true;
                };

                const Log log("eks-swap", Level::err);
                const auto prefix = root();
                Context context(prefix, log);
                Result result;
                result.refused =
                        test::refusal([&] { set_up_swap(context, settings, 64 * mib, start, calls); });
                result.summary = context.summary();

                return result;
        }

        SwapRecord record() const { return swap_record(root()); }

        int error = 0;
        int priority = 0;
        std::string filesystem = "ext4";
        bool mounted = true;
        Texts started;
};

SwapSettings settings(SwapSettings::Kind kind, const std::string& name, std::uint64_t size = mib)
{
        return {.kind = kind,
                .name = name,
                .percent = 0,
                .bytes = size,
                .directory = "/var/lib/eks",
                .source = "node.toml, line 1, column 1"};
}
SwapSettings in_file(std::uint64_t size = mib)
{
        return settings(SwapSettings::Kind::file, "file", size);
}
SwapSettings zram(std::uint64_t size = mib)
{
        return settings(SwapSettings::Kind::zram, "zram", size);
}
SwapSettings on_store()
{
        return settings(SwapSettings::Kind::store, "instance-store");
}
SwapSettings off()
{
        return settings(SwapSettings::Kind::off, "off");
}

bool has(const std::string& text, const std::string& part)
{
        return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("What a run that was killed has left is removed, and no file of others", "[swap]")
{
        Machine machine;
        const auto left = "/var/lib/eks/.eks-swap.partial";
        const auto others = "/var/lib/eks/swap.partial";
        machine.write(others, "somebody's");

        for (const auto& wanted :
                {std::optional(settings(SwapSettings::Kind::file, "file")), std::optional<SwapSettings>()}) {
                machine.write(left, "half");
                CHECK(machine.run(wanted).refused.what.empty());
                CHECK_FALSE(machine.has(left));
                CHECK(machine.read(others) == "somebody's");
        }
}

TEST_CASE("The first page is as the kernel reads it", "[swap]")
{
        const Uuid uuid{1, 2, 3};
        const auto page = swap_header(16 * mib, 4096, uuid);
        REQUIRE(page.size() == 4096);
        CHECK(page.substr(4086) == "SWAPSPACE2");

        std::uint32_t version = 0;
        std::uint32_t last = 0;
        std::memcpy(&version, page.data() + 1024, 4);
        std::memcpy(&last, page.data() + 1028, 4);
        CHECK(version == 1);
        CHECK(last == 4095);
        CHECK(page.substr(1032, 4) == std::string(4, '\0')); // no bad pages
        CHECK(page.substr(1036, 3) == "\1\2\3");
        CHECK(page.substr(1052, 9) == std::string("eks-swap\0", 9));
        CHECK(size_of_our_swap(page) == 16 * mib);

        for (const auto at : {1024U, 1052U, 1060U, 4090U}) {
                CAPTURE(at);
                auto other = page;
                other[at] = 'x';
                CHECK_FALSE(size_of_our_swap(other));
        }

        CHECK_FALSE(size_of_our_swap(""));
}

TEST_CASE("A file is made, turned on, and used again at the next boot", "[swap]")
{
        Machine machine;
        CHECK(machine.run(in_file()).summary == "turned on 0.0 GiB of swap on /var/lib/eks/swap");
        CHECK(machine.mode(file) == 0600);
        CHECK(machine.read(file).size() == mib);
        CHECK(machine.record() == SwapRecord{"file", file});
        CHECK(machine.names("/var/lib/eks") == Texts{"swap", "x"});

        const auto made = machine.read(file);
        CHECK(machine.run(in_file()).summary == "swap is on: /var/lib/eks/swap");

        // A boot: /run is empty, and no swap is on.
        machine.list({});
        std::remove(machine("/run/eks/swap").c_str());
        machine.run(in_file());
        CHECK(machine.read(file) == made); // with the same UUID
        CHECK(swap_areas(machine.root()).size() == 1);

        // Another size.
        CHECK(machine.run(in_file(2 * mib)).summary ==
                "turned off swap on /var/lib/eks/swap, removed /var/lib/eks/swap, turned on 0.0 GiB of swap on "
                "/var/lib/eks/swap");
        CHECK(machine.read(file).size() == 2 * mib);

        // A file with a hole, as a copy of the machine may have, is made again.
        machine.list({});
        std::remove(machine("/run/eks/swap").c_str());
        machine.write(file, swap_header(2 * mib, 4096, {}), 0600);
        REQUIRE(::truncate(machine(file).c_str(), 2 * mib) == 0);
        CHECK(has(machine.run(in_file(2 * mib)).summary, "removed /var/lib/eks/swap"));

        // No longer configured.
        CHECK(has(machine.run(std::nullopt).summary, "removed /var/lib/eks/swap"));
        CHECK_FALSE(machine.has(file));
        CHECK_FALSE(machine.has("/run/eks/swap"));
        CHECK(swap_areas(machine.root()).empty());
}

TEST_CASE("A file that is not ours, a filesystem that does not fit, and a full disk are refused", "[swap]")
{
        Machine machine;
        machine.write(file, std::string(mib, 'x'));
        const auto foreign = machine.run(in_file()).refused;
        CHECK(foreign.failure == "swap-failed");
        CHECK(foreign.mentions(
                "node.toml, line 1, column 1: swap = 'file': '/var/lib/eks/swap' is there and is not a swap file"));
        CHECK(machine.read(file).size() == mib);
        CHECK(machine.record() == SwapRecord{"file", ""});
        CHECK(machine.run(zram()).refused.mentions("this kernel has no zram"));
        CHECK(machine.read(file).size() == mib); // not removed either

        std::remove(machine(file).c_str());

        machine.filesystem = "btrfs";
        CHECK(machine.run(in_file()).refused.mentions("btrfs"));

        machine.filesystem = "";
        CHECK(machine.run(in_file()).refused.mentions("neither on ext4 nor on XFS"));

        machine.filesystem = "xfs";
        CHECK(machine.run(in_file(mib << 40U)).refused.mentions("do not fit into '/var/lib/eks'"));

        machine.error = EINVAL;
        CHECK(machine.run(in_file()).refused.mentions("the kernel refuses '/var/lib/eks/swap': Invalid"));
        CHECK(machine.record() == SwapRecord{"file", ""});

        machine.error = 0;
        CHECK(machine.run(in_file()).refused.failure == "nothing");
        CHECK(machine.names("/var/lib/eks") == Texts{"swap", "x"});
}

TEST_CASE("The instance store must be there", "[swap]")
{
        Machine machine;
        machine.mounted = false;
        const auto refused = machine.run(on_store()).refused;
        CHECK(refused.mentions("no disk of the instance store is mounted at '/var/lib/eks'"));
        CHECK(has(refused.remedy, "instance.localStorage.strategy"));

        auto nowhere = on_store();
        nowhere.directory.clear();
        CHECK(machine.run(nowhere).refused.mentions("instance.localStorage.strategy is not set"));

        machine.mounted = true;
        auto mounted = on_store();
        mounted.directory = "/mnt/0";
        machine.write("/mnt/0/x", "");
        CHECK(machine.run(mounted).refused.failure == "nothing");
        CHECK(machine.record() == SwapRecord{"instance-store", "/mnt/0/swap"});

        const int of_store = machine.priority;
        machine.run(in_file());
        CHECK(of_store > machine.priority); // local disks are faster
        CHECK_FALSE(machine.has("/mnt/0/swap"));
}

TEST_CASE("A file on the instance store is removed at the boot after its key", "[swap]")
{
        Machine machine;
        auto store = on_store();
        store.directory = "/mnt/k8s-disks/0";
        const auto path = machine.root()("/mnt/k8s-disks/0/swap");
        machine.write("/mnt/k8s-disks/0/x", "");
        const auto reboot = [&] {
                machine.list({});
                remove_if_exists(machine.root()(swap_record_path));
        };

        REQUIRE(machine.run(store).refused.failure == "nothing");

        reboot();
        CHECK(has(machine.run(store).summary, "turned on"));
        CHECK(swap_on_store(machine.root()) == "/mnt/k8s-disks/0/swap");

        reboot();
        CHECK(has(machine.run(in_file()).summary, "removed /mnt/k8s-disks/0/swap"));
        CHECK_FALSE(exists(path));
        CHECK(swap_on_store(machine.root()).empty());

        // Without any swap, and by another file at its path, which stays.
        for (const bool is_ours : {true, false}) {
                REQUIRE(machine.run(store).refused.failure == "nothing");

                reboot();
                if (!is_ours)
                        machine.write("/mnt/k8s-disks/0/swap", "somebody's");
                CHECK(machine.run(std::nullopt).refused.failure == "nothing");
                CHECK(exists(path) != is_ours);
                CHECK(swap_on_store(machine.root()).empty());
        }
}

TEST_CASE("zram takes a device that is free, or makes one", "[swap]")
{
        Machine machine;
        const auto none = machine.run(zram()).refused;
        CHECK(none.mentions("this kernel has no zram"));
        CHECK(machine.started == Texts{"modprobe@zram.service"});

        machine.zram_devices({"4096\n", "0\n"});
        CHECK(machine.run(zram()).summary == "turned on 0.0 GiB of swap on /dev/zram1");
        CHECK(machine.read("/sys/block/zram1/disksize").starts_with("1048576"));
        CHECK(machine.read("/sys/block/zram1/comp_algorithm").starts_with("zstd"));
        CHECK(size_of_our_swap(machine.read("/dev/zram1")) == mib);
        CHECK(machine.read("/sys/block/zram0/disksize") == "4096\n");
        CHECK(machine.record() == SwapRecord{"zram", "/dev/zram1"});
        CHECK(machine.run(zram()).summary == "swap is on: /dev/zram1");

        const int of_zram = machine.priority;

        // Another kind: the device is released.
        machine.run(in_file());
        CHECK(machine.read("/sys/block/zram1/reset") == "1");
        CHECK(machine.record() == SwapRecord{"file", file});
        CHECK(of_zram > machine.priority);

        // Killed before and after it was on.
        for (const bool is_on : {false, true}) {
                Machine killed;
                killed.zram_devices({"4096\n", "0\n"});
                killed.list(is_on ? Texts{"/dev/zram1"} : Texts{});
                killed.write("/run/eks/swap", "zram /dev/zram1\n");
                CHECK(killed.run(zram()).summary ==
                        (is_on ? "turned off swap on /dev/zram1, " : "") +
                                std::string("turned on 0.0 GiB of swap on /dev/zram1"));
                CHECK(killed.read("/sys/block/zram1/reset") == "1");
                CHECK(swap_areas(killed.root()).size() == 1);
        }

        Machine full;
        full.zram_devices({"4096\n"});
        full.write("/sys/block/zram7/disksize", "0");
        full.write("/dev/zram7", "");
        std::rename(full("/sys/block/zram7").c_str(), full("/sys/zram7").c_str());
        CHECK(full.run(zram()).refused.mentions("for '/dev/zram7'")); // that hot_add names

        std::rename(full("/sys/zram7").c_str(), full("/sys/block/zram7").c_str());
        full.error = EBUSY;
        full.write("/sys/block/zram7/reset", "");
        CHECK(full.run(zram()).refused.mentions("the kernel refuses '/dev/zram7'"));
        CHECK(full.read("/sys/block/zram7/reset") == "1");
}

TEST_CASE("Off turns off all swap, and names what stays on", "[swap]")
{
        Machine machine;
        CHECK(machine.run(off()).summary == "there is no swap");

        machine.list({"/dev/zram0", "/swapfile"});
        CHECK(machine.run(off()).summary == "turned off swap on /dev/zram0, turned off swap on /swapfile");
        CHECK(swap_areas(machine.root()).empty());
        CHECK(machine.record() == SwapRecord{"off", ""});

        machine.list({"/dev/zram0", "/swapfile"});
        machine.error = ENOMEM;
        const auto refused = machine.run(off()).refused;
        CHECK(refused.failure == "swap-failed");
        CHECK(refused.mentions("'/dev/zram0': Cannot allocate memory, '/swapfile': Cannot allocate memory"));
}

TEST_CASE("Lines of /proc/swaps and of the record are read back", "[swap]")
{
        const auto areas =
                swap_areas("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
                           "/dev/zram0                              partition\t2097148\t\t12\t\t100\n"
                           "/a\\040b\\134\\04   file\t\t4\t\t0\t\t-2\n"
                           "/swap\n");
        CHECK(areas == std::vector<SwapArea>{{"/dev/zram0", 2097148 * 1024ULL, 12 * 1024},
                               {"/a b\\\\04", 4096, 0}, {"/swap", 0, 0}});
        CHECK(names_of(areas) == "/dev/zram0, /a b\\\\04, /swap");

        for (const auto& record :
                {SwapRecord{"zram", "/dev/zram0"}, SwapRecord{"off", ""}, SwapRecord{"file", "/a b/swap"}})
                CHECK(parse_swap_record(render_swap_record(record)) == record);
        CHECK(parse_swap_record("") == SwapRecord{});
}
