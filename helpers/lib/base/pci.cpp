// SPDX-License-Identifier: Apache-2.0
#include "base/pci.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view directory = "/sys/bus/pci/devices";

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

} // namespace

std::vector<PciDevice> pci_devices(const Root& root, std::string_view vendor)
{
        std::vector<PciDevice> found;
        for (const auto& address : list_directory(root(directory)))
                if (attribute(root, address, "vendor") == vendor)
                        found.push_back({.address = address,
                                .vendor = std::string(vendor),
                                .device = attribute(root, address, "device"),
                                .subdevice = attribute(root, address, "subsystem_device"),
                                .kind = attribute(root, address, "class")});
        return found;
}

std::vector<PciDevice> nvidia_gpus(const Root& root)
{
        auto found = pci_devices(root, "0x10de");
        std::erase_if(found, [](const PciDevice& device) {
                return !device.kind.starts_with("0x0300") && !device.kind.starts_with("0x0302");
        });
        return found;
}

} // namespace eks
