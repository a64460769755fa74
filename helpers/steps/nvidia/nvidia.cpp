// SPDX-License-Identifier: Apache-2.0
#include "steps/nvidia/nvidia.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view loaded = "/proc/driver/nvidia/version";
constexpr std::string_view archives = "/var/lib/dkms-archive";
constexpr std::chrono::seconds install_limit{300}; // TimeoutStartSec= of nvidia-module.service

std::string text_of(const Root& root, std::string_view path)
{
        return std::string(trim(read_file_if_exists(root(path)).value_or("")));
}

std::string addresses(const std::vector<PciDevice>& gpus)
{
        std::vector<std::string> texts;
        for (const auto& gpu : gpus)
                texts.push_back(fmt::format("{} ({})", gpu.address, gpu.device));
        return join(texts, ", ");
}

// These do not work with the firmware that the open modules need (amazon-eks-ami chooses likewise).
bool needs_proprietary(std::string_view instance_type)
{
        constexpr std::array families{"g4dn.", "g5.", "g5g."};
        return std::ranges::any_of(
                families, [&](const char* family) { return instance_type.starts_with(family); });
}

// L4-3Q, L4-6Q and L4-12Q: shares of an L4.
bool is_share(const PciDevice& gpu)
{
        constexpr std::array shares{"0x1733", "0x1735", "0x1737"};
        return gpu.device == "0x27b8" && std::ranges::find(shares, gpu.subdevice) != shares.end();
}

// Each line of the image's list begins with a device's number, such as "0x1EB8 Tesla T4".
std::vector<std::string> devices_of_open_module(const Root& root)
{
        std::vector<std::string> devices;
        for (const auto& name : list_directory(root("/etc/eks")))
                if (name.starts_with("nvidia-open-supported-devices-") && name.ends_with(".txt")) {
                        const auto list = read_file(root("/etc/eks/" + name));
                        for (const auto line : lines(list))
                                devices.push_back(lower(line.substr(0, line.find_first_of(" \t"))));
                }

        return devices;
}

// Only an image with several modules has archives of them; on others the one that is installed is loaded.
std::vector<std::string> archived_flavours(const Root& root)
{
        auto names = list_directory(root(archives));
        std::erase_if(names, [](const std::string& name) { return !name.starts_with("nvidia"); });
        return names;
}

std::string kernel_release(const Root& root)
{
        return text_of(root, "/proc/sys/kernel/osrelease");
}

// dkms leaves a link for each kernel that a module is installed for: kernel-RELEASE-ARCHITECTURE.
bool is_installed(const Root& root, const std::string& flavour)
{
        const auto prefix = fmt::format("kernel-{}-", kernel_release(root));
        return std::ranges::any_of(list_directory(root("/var/lib/dkms/" + flavour)),
                [&](const std::string& name) { return name.starts_with(prefix); });
}

bool has_module_file(const Root& root)
{
        const auto directory = "/lib/modules/" + kernel_release(root);
        for (const auto* list : {"/modules.dep", "/modules.builtin"}) {
                const auto text = read_file_if_exists(root(directory + list)).value_or("");
                for (const auto line : lines(text)) {
                        const auto file = line.substr(0, line.find(':'));
                        if (file.substr(file.rfind('/') + 1).starts_with("nvidia.ko"))
                                return true;
                }
        }

        return false;
}

// It takes the time of the machine's disk and processors, and not that of a driver that hangs.
void install(Context& context, const std::string& flavour, const StartUnit& start,
        std::chrono::milliseconds deadline)
{
        context.wait_until(install_limit, "the step fails");
        context.awaiting(fmt::format("Waiting for systemd to install the kernel module '{}'", flavour));
        const auto then = std::chrono::duration_cast<std::chrono::seconds>(deadline);
        notify_extend_timeout(static_cast<unsigned>((install_limit + then).count()) + 10);

        if (!start(nvidia_module_unit, install_limit))
                throw Error(failure::nvidia_driver_missing,
                        fmt::format("the kernel module '{}' was not installed within {} seconds", flavour,
                                install_limit.count()),
                        fmt::format("`journalctl -b -u {}` shows the cause; an image can have it installed",
                                nvidia_module_unit));
}

constexpr const char* of_others = "If something else installs the driver later, such as NVIDIA's GPU "
                                  "operator, create /etc/eks/nvidia.disabled";

[[noreturn]] void fail_to_load(const Root& root, const std::vector<PciDevice>& gpus)
{
        if (!has_module_file(root))
                throw Error(failure::nvidia_driver_missing,
                        fmt::format("this machine has the NVIDIA GPUs {}, but no driver: kernel {} has no "
                                    "module 'nvidia'",
                                addresses(gpus), kernel_release(root)),
                        fmt::format("Install the driver for this kernel, or use an image that has it. {}",
                                of_others));
        throw Error(failure::nvidia_driver_failed,
                fmt::format("the kernel module 'nvidia' was not loaded for the GPUs {}", addresses(gpus)),
                "`journalctl -b -k -g NVRM` shows the cause: often a driver that does not support this GPU");
}

} // namespace

std::string nvidia_flavour(const Root& root, const std::vector<PciDevice>& gpus)
{
        if (needs_proprietary(text_of(root, "/sys/class/dmi/id/product_name")))
                return "nvidia";
        if (std::ranges::any_of(gpus, is_share))
                return "nvidia-open-grid";

        const auto open = devices_of_open_module(root);
        const bool all = std::ranges::all_of(gpus,
                [&](const PciDevice& gpu) { return std::ranges::find(open, gpu.device) != open.end(); });

        return all ? "nvidia-open" : "nvidia";
}

StepPlan plan_nvidia(const Root& root, const std::vector<PciDevice>& gpus)
{
        // kubelet must not count the memory of a GPU that is coherent with the CPU's as memory of the node.
        File options{.path = std::string(nvidia_options),
                .content = "# Written by eks-nvidia.service.\n"
                           "options nvidia NVreg_CoherentGPUMemoryMode=driver\n"};
        File choice{.path = std::string(nvidia_module_choice), .content = {}, .kind = File::Kind::absent};

        if (!archived_flavours(root).empty()) {
                choice.content = fmt::format("FLAVOUR={}\n", nvidia_flavour(root, gpus));
                choice.kind = File::Kind::regular;
                if (needs_proprietary(text_of(root, "/sys/class/dmi/id/product_name")))
                        options.content += "options nvidia NVreg_EnableGpuFirmware=0\n";
        }

        std::vector<std::string> decisions{fmt::format("the GPUs are {}", addresses(gpus))};
        if (choice.kind == File::Kind::regular)
                decisions.push_back(fmt::format("these need the kernel module '{}'; the image has {}",
                        nvidia_flavour(root, gpus), join(archived_flavours(root), ", ")));

        return {.files = {std::move(options), std::move(choice)},
                .notes = {},
                .decisions = std::move(decisions)};
}

void load_nvidia(Context& context, const std::vector<PciDevice>& gpus, const StartUnit& start,
        std::chrono::milliseconds deadline)
{
        const auto& root = context.root();
        if (gpus.empty())
                throw Error(failure::nvidia_gpu_missing,
                        fmt::format("there is no NVIDIA GPU in this machine{}",
                                exists(root(loaded)) ? ", but its driver is loaded" : ""),
                        "Use an instance type with a GPU, or remove /etc/eks/nvidia.enabled");

        auto end = Clock::now() + deadline;
        const auto run = [&](const std::string& unit, const std::string& doing) {
                const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
                context.wait_until(left, "the step fails");
                context.awaiting("Waiting for systemd to " + doing);

                if (left.count() <= 0 || !start(unit, left))
                        throw Error(failure::nvidia_driver_hangs,
                                fmt::format("the attempt to {} did not end within {} seconds", doing,
                                        std::chrono::duration_cast<std::chrono::seconds>(deadline).count()),
                                "`journalctl -b -k` shows where it hangs; reboot or replace the instance");
        };

        const auto load = [&](std::string_view module) {
                run(fmt::format("modprobe@{}.service", module),
                        fmt::format("load the kernel module '{}'", module));
        };

        if (exists(root(loaded))) {
                context.did("the driver is loaded", false);
        } else {
                const auto flavours = archived_flavours(root);
                const auto flavour = nvidia_flavour(root, gpus);
                if (!flavours.empty() && std::ranges::find(flavours, flavour) == flavours.end())
                        throw Error(failure::nvidia_driver_missing,
                                fmt::format("the GPUs {} need the kernel module '{}', which the image does "
                                            "not have; it has {}",
                                        addresses(gpus), flavour, join(flavours, ", ")),
                                "Use an image with this module, or another instance type");

                if (!flavours.empty() && !is_installed(root, flavour)) {
                        install(context, flavour, start, deadline);
                        end = Clock::now() + deadline;
                        context.did(fmt::format("installed the kernel module '{}'", flavour), true);
                }

                load("nvidia");
                if (!exists(root(loaded)))
                        fail_to_load(root, gpus);
                context.did("loaded the driver", true);
        }

        // CUDA needs the first; the second is part of the driver only if it has displays.
        for (const auto* module : {"nvidia_uvm", "nvidia_modeset"})
                if (!exists(root(fmt::format("/sys/module/{}", module))))
                        load(module);

        if (!exists(root("/sys/module/nvidia_uvm")))
                throw Error(failure::nvidia_driver_failed, "the kernel module 'nvidia_uvm' was not loaded",
                        "`journalctl -b -k` shows the cause; CUDA needs this module");
}

void check_nvidia_gpus(const Context& context, const std::vector<PciDevice>& gpus)
{
        const auto& root = context.root();
        const auto driven = list_directory(root("/proc/driver/nvidia/gpus"));
        std::vector<PciDevice> idle;

        for (const auto& gpu : gpus) {
                const auto driver = read_link_if_exists(
                        root(fmt::format("/sys/bus/pci/devices/{}/driver", gpu.address)));
                const bool of_another = driver && !driver->ends_with("/nvidia");
                if (!of_another && std::ranges::find(driven, gpu.address) == driven.end())
                        idle.push_back(gpu);
        }

        if (!idle.empty())
                throw Error(failure::nvidia_driver_failed,
                        fmt::format("the driver does not drive {} of {} GPUs: {}", idle.size(), gpus.size(),
                                addresses(idle)),
                        "`journalctl -b -k -g NVRM` shows the cause: the GPU is broken, or the driver does "
                        "not support it");
}

} // namespace eks
