// SPDX-License-Identifier: Apache-2.0
#include "base/pci.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view directory = "/sys/bus/pci/devices";
constexpr std::string_view amazon = "0x1d0f";
constexpr std::string_view nvidia = "0x10de";

// "" if there is no such file; a device may also go away while it is read.
std::string attribute(const Root& root, const std::string& address, std::string_view name)
{
        try {
                const auto path = root(fmt::format("{}/{}/{}", directory, address, name));
                return lower(trim(read_file_if_exists(path).value_or("")));
        } catch (const Error&) {
                return {};
        }
}

bool is_nvidia_gpu(const PciDevice& device)
{
        return device.kind.starts_with("0x0300") || device.kind.starts_with("0x0302");
}

bool is_neuron(const PciDevice& device)
{
        constexpr std::array models{"0x7064", "0x7065", "0x7066", "0x7067", "0x7164", "0x7264", "0x7364"};
        return std::ranges::find(models, device.device) != models.end();
}

} // namespace

KnownDevices known_devices(const Root& root)
{
        KnownDevices known;
        for (const auto& address : list_directory(root(directory))) {
                const auto vendor = attribute(root, address, "vendor");
                if (vendor != nvidia && vendor != amazon)
                        continue;

                PciDevice device{.address = address,
                        .vendor = vendor,
                        .device = attribute(root, address, "device"),
                        .subdevice = attribute(root, address, "subsystem_device"),
                        .kind = attribute(root, address, "class")};

                if (vendor == nvidia) {
                        if (is_nvidia_gpu(device))
                                known.nvidia_gpus.push_back(std::move(device));
                } else if (is_neuron(device)) {
                        known.neuron.push_back(std::move(device));
                } else if (device.device.starts_with("0xefa")) {
                        known.efa.push_back(std::move(device));
                }
        }

        return known;
}

} // namespace eks
