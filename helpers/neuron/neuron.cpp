// SPDX-License-Identifier: Apache-2.0
#include "neuron.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr const char* unit = "modprobe@neuron.service";
constexpr std::string_view module = "/sys/module/neuron";

bool is_node(std::string_view name)
{
        constexpr std::string_view prefix = "neuron";
        return name.starts_with(prefix) && parse_int<unsigned>(name.substr(prefix.size()));
}

} // namespace

void load_neuron(Context& context, const std::vector<PciDevice>& devices, const StartUnit& start,
        std::chrono::milliseconds deadline)
{
        const auto& root = context.root();
        const auto failed = [&](std::string_view why, std::string_view remedy) {
                return Error(failure::neuron_driver_failed,
                        fmt::format("this machine has {} Neuron devices, but {}", devices.size(), why),
                        std::string(remedy));
        };
        if (devices.empty())
                throw Error(failure::neuron_driver_failed, "there is no Neuron device in this machine",
                        "Use an instance type with one, or remove /etc/eks/neuron.enabled");
        const bool was_loaded = exists(root(module));
        if (!was_loaded) {
                context.awaiting(fmt::format("Waiting for {}", unit));
                if (!start(unit, deadline))
                        throw failed(
                                fmt::format("their driver was not loaded within {} seconds",
                                        std::chrono::duration_cast<std::chrono::seconds>(deadline).count()),
                                "`journalctl -b -k` shows where it hangs; reboot or replace the instance");
        }
        if (!exists(root(module)))
                throw failed("the kernel module 'neuron' was not loaded",
                        "Install aws-neuronx-dkms for this kernel, or create /etc/eks/neuron.disabled; "
                        "`journalctl -b -k -g neuron` shows the cause if it is installed");
        const auto nodes = std::ranges::count_if(list_directory(root("/dev")), is_node);
        if (nodes == 0)
                throw failed("their driver has made no device in /dev",
                        "`journalctl -b -k -g neuron` shows the cause; inf1 needs version 2.21 of the driver");
        context.did(fmt::format("{} the driver; {} device nodes", was_loaded ? "found" : "loaded", nodes),
                !was_loaded);
}

} // namespace eks
