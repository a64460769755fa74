// SPDX-License-Identifier: Apache-2.0
// eks-nvidia-mig: divides NVIDIA GPUs into instances (MIG) as nvidia.mig.profile says.
// Reads: /run/eks/node.json, the state of the GPUs. Writes: the GPUs' MIG mode and instances, by nvidia-smi.
// Again: GPUs that are divided like that are left alone.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"
#include "config/mig_profile.hpp"
#include "systemd/step.hpp"

namespace eks {

// Runs nvidia-smi with arguments, until the deadline.
using NvidiaSmi = std::function<ProcessResult(
        const std::vector<std::string>& arguments, std::chrono::milliseconds left)>;

// Kind to number of instances, by GPU.
using MigInstances = std::map<unsigned, std::map<std::string, unsigned>>;

// "nvidia-smi mig -lgip": how many instances of each kind a GPU has in all.
MigInstances parse_mig_offers(std::string_view output);

// "nvidia-smi mig -lgi" and "-lci": the instances that are there.
MigInstances parse_mig_instances(std::string_view output);

// Throws Error: nvidia_mig_invalid if a GPU does not offer the profile, nvidia_mig_failed.
void divide_gpus(Context& context, const MigProfile& profile, const NvidiaSmi& run,
        std::chrono::milliseconds deadline);

} // namespace eks
