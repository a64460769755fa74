// SPDX-License-Identifier: Apache-2.0
#include "steps/neuron/neuron.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "systemd/driver.hpp"

namespace eks {

namespace {

bool is_node(std::string_view name)
{
        constexpr std::string_view prefix = "neuron";
        return name.starts_with(prefix) && parse_int<unsigned>(name.substr(prefix.size()));
}

} // namespace

void load_neuron(Context& context, const std::vector<PciDevice>& devices, const StartUnit& start,
        std::chrono::milliseconds deadline)
{
        constexpr Driver driver{.module = "neuron",
                .devices = "Neuron devices",
                .failure = failure::neuron_driver_failed,
                .install = "Install aws-neuronx-dkms for this kernel"};

        if (devices.empty())
                throw Error(failure::neuron_driver_failed, "there is no Neuron device in this machine",
                        "Use an instance type with one, or remove /etc/eks/neuron.enabled");

        const bool is_new = load_driver(context, driver, devices.size(), start, deadline);
        const auto nodes = std::ranges::count_if(list_directory(context.root()("/dev")), is_node);
        if (nodes == 0)
                throw driver_error(driver, devices.size(), "their driver has made no device in /dev",
                        "`journalctl -b -k -g neuron` shows the cause; inf1 needs version 2.21 of the driver");

        context.did(
                fmt::format("{} the driver; {} device nodes", is_new ? "loaded" : "found", nodes), is_new);
}

} // namespace eks
