// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/log.hpp"
#include "steps/nvidia/nvidia.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::chrono_literals;
using test::refusal;
using test::TemporaryDirectory;

namespace {

constexpr auto release = "6.12.40-63.114.amzn2023.x86_64";

// A machine with GPUs, as sysfs shows it.
class Machine : public TemporaryDirectory {
public:
        explicit Machine(const std::vector<std::string>& gpus, const std::string& type = "p5.48xlarge")
        {
                for (std::size_t i = 0; i < gpus.size(); ++i)
                        add(address(i), "0x10de", gpus[i], "0x030200");
                add("0000:00:00.0", "0x8086", "0x1237", "0x060000");
                write("/sys/class/dmi/id/product_name", type + "\n");
                write("/proc/sys/kernel/osrelease", std::string(release) + "\n");
                write("/proc/devices", "Character devices:\n  1 mem\n\nBlock devices:\n259 blkext\n");
                write("/dev/null", "");
        }
        static std::string address(std::size_t index) { return "0000:00:1" + std::to_string(index) + ".0"; }

        void add(const std::string& at, const std::string& vendor, const std::string& device,
                const std::string& kind, const std::string& subdevice = "0x1234") const
        {
                const auto directory = "/sys/bus/pci/devices/" + at;
                write(directory + "/vendor", vendor + "\n");
                write(directory + "/device", device + "\n");
                write(directory + "/subsystem_device", subdevice + "\n");
                write(directory + "/class", kind + "\n");
        }
        void has_module() const
        {
                write("/lib/modules/" + std::string(release) + "/modules.dep",
                        "kernel/fs/xfs/xfs.ko: \nextra/nvidia-uvm.ko.xz: extra/nvidia.ko.xz\nextra/nvidia.ko.xz:\n");
        }
        // What modprobe would bring about.
        void load(const std::string& module) const
        {
                write("/sys/module/" + module + "/refcnt", "0\n");
                if (module == "nvidia_uvm")
                        write("/proc/devices", read("/proc/devices") + "235 nvidia-uvm\n");
                if (module != "nvidia")
                        return;

                write("/proc/devices", "Character devices:\n  1 mem\n195 nvidia\n195 nvidiactl\n");
                write("/proc/driver/nvidia/version", "NVRM version: 580.159.03\n");
                write("/proc/driver/nvidia/params",
                        "ModifyDeviceFiles: 1\nDeviceFileUID: 0\nDeviceFileGID: 0\nDeviceFileMode: 438\n");

                unsigned minor = 0;
                for (const auto& gpu : known_devices(root()).nvidia_gpus)
                        write("/proc/driver/nvidia/gpus/" + gpu.address + "/information",
                                "Model: \t\t NVIDIA H100\nDevice Minor: \t " + std::to_string(minor++) +
                                        "\n");
        }
};

struct Loaded {
        test::Refusal refused;
        std::vector<std::string> started;
};

Loaded load(const Machine& machine, bool works = true)
{
        const Log log("test", Level::err);
        const auto root = machine.root();
        Context context(root, log);
        Loaded result;
        const auto start = [&](const std::string& unit, std::chrono::milliseconds) {
                result.started.push_back(unit);
                if (works && unit.starts_with("modprobe@"))
                        machine.load(unit.substr(9, unit.find('.') - 9));
                return true;
        };

        result.refused = refusal([&] { load_nvidia(context, known_devices(root).nvidia_gpus, start, 10s); });
        return result;
}

std::string planned(const Machine& machine, std::string_view path)
{
        for (const auto& file : plan_nvidia(machine.root(), known_devices(machine.root()).nvidia_gpus).files)
                if (file.path == path)
                        return file.kind == File::Kind::absent ? "(absent)" : file.content;
        return "(not planned)";
}

} // namespace

TEST_CASE("GPUs are display controllers of NVIDIA, and nothing else of that vendor", "[nvidia]")
{
        const Machine machine({"0x2330"});
        machine.add("0000:01:00.0", "0x10DE", "0x1eb8", "0x030000");
        machine.add("0000:01:00.1", "0x10de", "0x10f8", "0x040300"); // audio
        machine.add("0000:02:00.0", "0x10de", "0x22a3", "0x068000"); // NVSwitch
        machine.add("0000:03:00.0", "0x1d0f", "0xec20", "0x020000");
        const auto gpus = known_devices(machine.root()).nvidia_gpus;
        REQUIRE(gpus.size() == 2);
        CHECK(gpus[0].address == Machine::address(0));
        CHECK(gpus[1].device == "0x1eb8");
        CHECK(known_devices(TemporaryDirectory().root()).nvidia_gpus.empty());
}

TEST_CASE("The module is chosen by the GPU, as EKS's images do", "[nvidia]")
{
        const auto flavour = [](const Machine& machine) {
                return nvidia_flavour(machine.root(), known_devices(machine.root()).nvidia_gpus);
        };

        const auto with_list = [](const Machine& machine) {
                machine.write("/etc/eks/nvidia-open-supported-devices-580.txt",
                        "# Licence\n\n0x1EB8 Tesla T4\n0x2330 NVIDIA H100 80GB HBM3\n0x27B8 L4\n");
        };

        const Machine h100({"0x2330", "0x2330"});
        CHECK(flavour(h100) == "nvidia"); // nothing says that the open one supports it

        with_list(h100);
        CHECK(flavour(h100) == "nvidia-open");

        const Machine v100({"0x1db1"}, "p3.2xlarge");
        with_list(v100);
        CHECK(flavour(v100) == "nvidia");

        const Machine mixed({"0x2330", "0x1db1"});
        with_list(mixed);
        CHECK(flavour(mixed) == "nvidia");

        for (const auto* type : {"g4dn.xlarge", "g5.48xlarge", "g5g.metal"}) {
                const Machine machine({"0x1eb8"}, type);
                with_list(machine);
                CHECK(flavour(machine) == "nvidia");
        }

        const Machine g6({"0x27b8"}, "g6.xlarge");
        with_list(g6);
        CHECK(flavour(g6) == "nvidia-open");

        const Machine share({}, "g6f.large");
        share.add("0000:00:1e.0", "0x10de", "0x27b8", "0x030200", "0x1735");
        CHECK(flavour(share) == "nvidia-open-grid");
}

TEST_CASE("The driver's options are for all GPUs, a choice of modules only where there is one", "[nvidia]")
{
        const Machine machine({"0x1eb8"}, "g4dn.xlarge");
        CHECK(planned(machine, nvidia_module_choice) == "(absent)");
        CHECK(planned(machine, nvidia_options) ==
                "# Written by eks-nvidia.service.\noptions nvidia NVreg_CoherentGPUMemoryMode=driver\n");

        machine.write("/var/lib/dkms-archive/nvidia/nvidia-580.tar.gz", "");
        machine.write("/var/lib/dkms-archive/lustre/lustre.tar.gz", "");
        CHECK(planned(machine, nvidia_module_choice) == "FLAVOUR=nvidia\n");
        CHECK(planned(machine, nvidia_options).ends_with("\noptions nvidia NVreg_EnableGpuFirmware=0\n"));

        const Machine other({"0x2330"});
        other.write("/var/lib/dkms-archive/nvidia/nvidia-580.tar.gz", "");
        CHECK(planned(other, nvidia_options).find("Firmware") == std::string::npos);
}

TEST_CASE("The driver is loaded once, with the module that CUDA needs", "[nvidia]")
{
        const Machine machine({"0x2330"});
        const auto first = load(machine);
        CHECK(first.refused.failure == "nothing");
        CHECK(first.started == std::vector<std::string>{"modprobe@nvidia.service",
                                       "modprobe@nvidia_uvm.service", "modprobe@nvidia_modeset.service"});
        CHECK(load(machine).started.empty());
}

TEST_CASE("Of several modules the right one is installed first", "[nvidia]")
{
        const Machine machine({"0x2330"});
        machine.write("/var/lib/dkms-archive/nvidia-open/x.tar.gz", "");
        const auto without = load(machine);
        CHECK(without.refused.failure == "nvidia-driver-missing");
        CHECK(without.refused.mentions("need the kernel module 'nvidia'"));
        CHECK(without.refused.mentions("it has nvidia-open"));
        CHECK(without.started.empty());

        machine.write("/var/lib/dkms-archive/nvidia/x.tar.gz", "");
        machine.write("/var/lib/dkms/nvidia/kernel-5.10.1-x86_64/x", "");
        CHECK(load(machine).started.front() == nvidia_module_unit);

        const Machine again({"0x2330"});
        again.write("/var/lib/dkms-archive/nvidia/x.tar.gz", "");
        again.write("/var/lib/dkms/nvidia/kernel-" + std::string(release) + "-x86_64/x", "");
        CHECK(load(again).started.front() == "modprobe@nvidia.service");
}

TEST_CASE("A GPU without a driver, a driver without a GPU and a driver that hangs are different failures",
        "[nvidia]")
{
        const Machine machine({"0x2330", "0x2330"});
        const auto missing = load(machine, false).refused;
        CHECK(missing.failure == "nvidia-driver-missing");
        CHECK(missing.mentions("0000:00:10.0 (0x2330), 0000:00:11.0 (0x2330)"));
        CHECK(missing.mentions(release));
        CHECK(missing.remedy.find("/etc/eks/nvidia.disabled") != std::string::npos);

        machine.has_module();
        const auto failed = load(machine, false).refused;
        CHECK(failed.failure == "nvidia-driver-failed");
        CHECK(failed.mentions("was not loaded"));

        const Machine none(std::vector<std::string>{});
        none.load("nvidia");
        const auto no_gpu = load(none).refused;
        CHECK(no_gpu.failure == "nvidia-gpu-missing");
        CHECK(no_gpu.mentions("its driver is loaded"));

        const Log log("test", Level::err);
        const auto root = machine.root();
        Context context(root, log);
        const auto hangs = refusal([&] {
                load_nvidia(
                        context, known_devices(root).nvidia_gpus,
                        [](const std::string&, std::chrono::milliseconds) { return false; }, 7s);
        });

        CHECK(hangs.failure == "nvidia-driver-hangs");
        CHECK(hangs.mentions("7 seconds"));
}

TEST_CASE("A GPU that the driver does not drive is named", "[nvidia]")
{
        const Machine machine({"0x2330", "0x2330"});
        machine.load("nvidia");
        const Log log("test", Level::err);
        const auto root = machine.root();
        const Context context(root, log);
        const auto check = [&] {
                return refusal([&] { check_nvidia_gpus(context, known_devices(root).nvidia_gpus); });
        };

        CHECK(check().failure == "nothing");

        machine.add("0000:00:1f.0", "0x10de", "0x2330", "0x030200");
        const auto failed = check();
        CHECK(failed.failure == "nvidia-driver-failed");
        CHECK(failed.mentions("1 of 3 GPUs: 0000:00:1f.0"));

        // One that is passed through to a virtual machine belongs to another driver.
        machine.link("/sys/bus/pci/devices/0000:00:1f.0/driver", "../../../bus/pci/drivers/vfio-pci");
        CHECK(check().failure == "nothing");
}

TEST_CASE("The driver's device nodes have its numbers and its mode", "[nvidia]")
{
        if (::geteuid() != 0) {
                WARN("not root: not tested");
                return;
        }

        const Machine machine({"0x2330", "0x2330"});
        for (const auto* module : {"nvidia", "nvidia_uvm", "nvidia_modeset"})
                machine.load(module);
        const Log log("test", Level::err);
        const auto root = machine.root();
        const auto make = [&] {
                Context context(root, log);
                make_nvidia_nodes(context);
                return context.summary();
        };

        const auto made = make();
        struct Row {
                const char* name;
                unsigned major;
                unsigned minor;
        };

        for (const auto& row : {Row{"nvidia0", 195, 0}, Row{"nvidia1", 195, 1}, Row{"nvidiactl", 195, 255},
                     Row{"nvidia-modeset", 195, 254}, Row{"nvidia-uvm", 235, 0},
                     Row{"nvidia-uvm-tools", 235, 1}}) {
                CAPTURE(row.name);
                struct stat st {};
                REQUIRE(::lstat(machine("/dev/" + std::string(row.name)).c_str(), &st) == 0);
                CHECK(S_ISCHR(st.st_mode));
                CHECK((st.st_mode & 07777U) == 0666);
                CHECK(st.st_rdev == makedev(row.major, row.minor));
        }

        CHECK(made == "made 6 of 6 device nodes");
        CHECK(make() == "6 device nodes exist");

        // Something of that name with another number is replaced.
        ::unlink(machine("/dev/nvidia1").c_str());
        machine.write("/dev/nvidia1", "a file");
        CHECK(make() == "made 1 of 6 device nodes");

        // An admin may leave them to udev.
        ::unlink(machine("/dev/nvidia1").c_str());
        machine.write("/proc/driver/nvidia/params", "ModifyDeviceFiles: 0\n");
        CHECK(make().find("left to others") != std::string::npos);
        CHECK_FALSE(machine.has("/dev/nvidia1"));
}
