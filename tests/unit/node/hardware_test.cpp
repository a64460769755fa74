// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "node/hardware.hpp"
#include "support.hpp"

using namespace eks;
using test::TemporaryDirectory;

namespace {

// The labels without what stands in front of all of them.
Labels discovered(const TemporaryDirectory& machine)
{
        const std::string prefix = "feature.node.kubernetes.io/";
        Labels labels;

        for (const auto& [key, value] : hardware_labels(machine.root())) {
                CHECK(key.starts_with(prefix));
                CHECK(refused_to_kubelets(key).empty()); // NodeRestriction lets kubelet set it
                CHECK(wrong_label_key(key).empty());
                CHECK(wrong_label_value(value).empty());
                labels.emplace(key.substr(prefix.size()), value);
        }

        return labels;
}

} // namespace

TEST_CASE("A machine that says nothing of itself has no labels", "[hardware]")
{
        CHECK(discovered(TemporaryDirectory()).empty());
}

TEST_CASE("The flags of an x86 CPU have their names in CPUID, less those left out by default", "[hardware]")
{
        const TemporaryDirectory machine;
        machine.write("/proc/cpuinfo",
                "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
                "model name\t: Intel(R) Xeon(R)\nflags\t\t: fpu sse sse2 rdtscp aes avx512f avx512_vnni "
                "amx_tile fma sep nonsense\n\n"
                "processor\t: 1\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nflags\t\t: clzero\n");
        CHECK(discovered(machine) == Labels{{"cpu-cpuid.AESNI", "true"}, {"cpu-cpuid.AMXTILE", "true"},
                                             {"cpu-cpuid.AVX512F", "true"}, {"cpu-cpuid.AVX512VNNI", "true"},
                                             {"cpu-cpuid.FMA3", "true"}, {"cpu-cpuid.SYSEE", "true"},
                                             {"cpu-cpuid.X87", "true"}, {"cpu-model.family", "6"},
                                             {"cpu-model.id", "143"}, {"cpu-model.vendor_id", "Intel"}});
}

TEST_CASE("An arm64 CPU's flags are the kernel's in upper case", "[hardware]")
{
        const TemporaryDirectory machine;
        machine.write("/proc/cpuinfo",
                "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd sve2\nCPU implementer\t: 0x41\n");
        CHECK(discovered(machine) ==
                Labels{{"cpu-cpuid.ASIMD", "true"}, {"cpu-cpuid.FP", "true"}, {"cpu-cpuid.SVE2", "true"}});
}

TEST_CASE("Threads, C-states and NUMA come from sysfs", "[hardware]")
{
        const TemporaryDirectory machine;
        machine.write("/sys/devices/system/cpu/online", "0-3\n");
        machine.write("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0\n");
        machine.write("/sys/devices/system/node/online", "0\n");
        machine.write("/sys/devices/system/cpu/cpuidle/current_driver", "none\n");
        machine.write("/sys/module/intel_idle/parameters/max_cstate", "9\n");
        CHECK(discovered(machine) == Labels{{"cpu-hardware_multithreading", "false"}});

        for (const auto* siblings : {"1,3", "0-1"}) {
                machine.write("/sys/devices/system/cpu/cpu1/topology/thread_siblings_list", siblings);
                CHECK(discovered(machine).at("cpu-hardware_multithreading") == "true");
        }

        machine.write("/sys/devices/system/node/online", "0-1\n");
        machine.write("/sys/devices/system/cpu/cpuidle/current_driver", "intel_idle\n");
        CHECK(discovered(machine) == Labels{{"cpu-cstate.enabled", "true"},
                                             {"cpu-hardware_multithreading", "true"},
                                             {"memory-numa", "true"}});

        machine.write("/sys/module/intel_idle/parameters/max_cstate", "0\n");
        CHECK(discovered(machine).at("cpu-cstate.enabled") == "false");
}

TEST_CASE("The kernel's version is spelt as a label", "[hardware]")
{
        struct Row {
                std::string release;
                Labels labels;
        };
        const std::vector<Row> rows{
                {"6.1.115-126.197.amzn2023.x86_64\n",
                        {{"kernel-version.full", "6.1.115-126.197.amzn2023.x86_64"},
                                {"kernel-version.major", "6"}, {"kernel-version.minor", "1"},
                                {"kernel-version.revision", "115"}}},
                {"6.12+", {{"kernel-version.full", "6.12"}, {"kernel-version.major", "6"},
                                  {"kernel-version.minor", "12"}}},
                {"5.10.0-a+b_", {{"kernel-version.full", "5.10.0-a_b"}, {"kernel-version.major", "5"},
                                        {"kernel-version.minor", "10"}, {"kernel-version.revision", "0"}}},
                {"", {}},
                {"+", {}},
        };

        for (const auto& row : rows) {
                CAPTURE(row.release);
                const TemporaryDirectory machine;
                machine.write("/proc/sys/kernel/osrelease", row.release);
                CHECK(discovered(machine) == row.labels);
        }
}

TEST_CASE("Options of the kernel count if they are set", "[hardware]")
{
        const TemporaryDirectory machine;
        machine.write("/proc/sys/kernel/osrelease", "6.1.0\n");
        machine.write("/boot/config-6.1.0",
                "CONFIG_NO_HZ=y\n# CONFIG_NO_HZ_FULL is not set\nCONFIG_NO_HZ_IDLE=m\nCONFIG_PREEMPT=n\n"
                "CONFIG_OTHER=y\n");
        machine.write("/sys/fs/selinux/enforce", "1");
        const auto labels = discovered(machine);
        CHECK(labels.at("kernel-config.NO_HZ") == "true");
        CHECK(labels.at("kernel-config.NO_HZ_IDLE") == "true");
        CHECK(labels.at("kernel-selinux.enabled") == "true");
        CHECK(labels.size() == 7);

        machine.write("/sys/fs/selinux/enforce", "0");
        CHECK(discovered(machine).size() == 6);
}

TEST_CASE("PCI devices of the classes that count are named by class and vendor", "[hardware]")
{
        const TemporaryDirectory machine;
        const auto device = [&](const std::string& name, const std::string& kind,
                                    const std::string& vendor) {
                machine.write("/sys/bus/pci/devices/" + name + "/class", kind + "\n");
                machine.write("/sys/bus/pci/devices/" + name + "/vendor", vendor + "\n");
        };

        device("0000:00:03.0", "0x020000", "0x1d0f"); // a network device
        device("0000:00:1e.0", "0x030200", "0x10de");
        device("0000:00:1f.0", "0x120000", "0x1d0f");
        device("0000:00:20.0", "0x0b4000", "0x8086");
        device("0000:00:21.0", "0x0b5000", "0x8086");
        device("0000:00:22.0", "nonsense", "0x8086");
        device("0000:00:23.0", "0x030000", "");
        machine.write("/sys/bus/pci/devices/0000:00:20.0/sriov_totalvfs", "16\n");
        CHECK(discovered(machine) ==
                Labels{{"pci-0302_10de.present", "true"}, {"pci-0b40_8086.present", "true"},
                        {"pci-0b40_8086.sriov.capable", "true"}, {"pci-1200_1d0f.present", "true"}});
}

TEST_CASE("Disks and network devices count by what they can do", "[hardware]")
{
        const TemporaryDirectory machine;
        machine.write("/sys/block/loop0/queue/rotational", "0\n"); // no device behind it
        machine.write("/sys/block/sda/queue/rotational", "1\n");
        machine.write("/sys/block/sda/device/model", "x\n");
        machine.write("/sys/class/net/eth0/device/sriov_totalvfs", "0\n");
        CHECK(discovered(machine).empty());

        machine.write("/sys/block/nvme0n1/queue/rotational", "0\n");
        machine.write("/sys/block/nvme0n1/device/model", "x\n");
        machine.write("/sys/class/net/eth1/device/sriov_totalvfs", "8\n");
        machine.write("/sys/class/net/eth1/device/sriov_numvfs", "2\n");
        CHECK(discovered(machine) == Labels{{"network-sriov.capable", "true"},
                                             {"network-sriov.configured", "true"},
                                             {"storage-nonrotationaldisk", "true"}});
}

TEST_CASE("The system is named as os-release names it, where that is a label", "[hardware]")
{
        const TemporaryDirectory machine;
        machine.write("/usr/lib/os-release",
                "NAME=\"Amazon "
                "Linux\"\nVERSION=\"2023\"\nID=\"amzn\"\nID_LIKE=fedora\nVERSION_ID=\"2023\"\n");
        machine.link("/etc/os-release", "../usr/lib/os-release");
        CHECK(discovered(machine) == Labels{{"system-os_release.ID", "amzn"},
                                             {"system-os_release.VERSION_ID", "2023"},
                                             {"system-os_release.VERSION_ID.major", "2023"}});

        machine.write("/usr/lib/os-release", "ID=a b\nVERSION_ID='22.04'\nbroken\n");
        CHECK(discovered(machine) == Labels{{"system-os_release.VERSION_ID", "22.04"},
                                             {"system-os_release.VERSION_ID.major", "22"},
                                             {"system-os_release.VERSION_ID.minor", "04"}});
}
