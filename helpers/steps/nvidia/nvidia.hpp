// SPDX-License-Identifier: Apache-2.0
// eks-nvidia: the kernel driver of NVIDIA's GPUs is loaded and its device nodes exist before containerd
// starts.
// Reads: sysfs, /proc/driver/nvidia, /proc/devices, the modules' directories, DMI. Writes: options of the
// module in /run/modprobe.d, nodes in /dev. Again: nothing is loaded or made that is there.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/pci.hpp"
#include "systemd/start_unit.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr std::string_view nvidia_options = "/run/modprobe.d/50-eks-nvidia.conf";
inline constexpr std::string_view nvidia_module_choice = "/run/eks/nvidia-module";
inline constexpr const char* nvidia_module_unit = "nvidia-module.service";

// Which of the modules that an image may carry drives these GPUs: "nvidia" (proprietary), "nvidia-open" or
// "nvidia-open-grid" (shares of a GPU), as EKS's own images choose.
std::string nvidia_flavour(const Root& root, const std::vector<PciDevice>& gpus);

// Options of the module and, if the image carries several, which one nvidia-module.service installs.
StepPlan plan_nvidia(const Root& root, const std::vector<PciDevice>& gpus);

// Load the driver by systemd's modprobe@.service, so that a driver that hangs holds a process of that unit
// and not this step. Throws Error: nvidia_gpu_missing, nvidia_driver_missing, nvidia_driver_failed,
// nvidia_driver_hangs.
void load_nvidia(Context& context, const std::vector<PciDevice>& gpus, const StartUnit& start,
        std::chrono::milliseconds deadline);

// The nodes that the driver's own tools would make, with the mode that the driver asks for. Throws Error
// (file_io).
void make_nvidia_nodes(Context& context);

// Throws Error (nvidia_driver_failed) if the driver does not drive each of the GPUs. One that another driver
// holds, as vfio-pci does, does not count.
void check_nvidia_gpus(const Context& context, const std::vector<PciDevice>& gpus);

} // namespace eks
