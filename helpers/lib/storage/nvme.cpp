// SPDX-License-Identifier: Apache-2.0
#include "storage/nvme.hpp"

#include <algorithm>
#include <memory>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <systemd/sd-device.h>

#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto poll_interval = 20ms;
constexpr std::string_view blocks = "/sys/class/block/";

using Device = std::unique_ptr<sd_device, Deleter<sd_device_unref>>;

Device udev_device(const std::string& path)
{
        sd_device* device = nullptr;
        ::sd_device_new_from_devname(&device, path.c_str());
        return Device(device);
}

struct Controllers {
        unsigned all = 0;
        unsigned of_store = 0;
};

// The NVMe controllers that have a disk, or will have one.
Controllers count_controllers()
{
        constexpr std::string_view nvme_class = "0x0108";
        constexpr std::string_view amazon = "0x1d0f";
        constexpr std::string_view store_devices = "0xcd0"; // EBS's are 0x0061, 0x0065 and 0x8061
        constexpr std::string_view pci = "/sys/bus/pci/devices";
        Controllers found;

        for (const auto& address : list_directory(std::string(pci))) {
                const auto value = [&](const char* file) {
                        return std::string(
                                trim(read_file_if_exists(fmt::format("{}/{}/{}", pci, address, file))
                                                .value_or("")));
                };

                if (!value("class").starts_with(nvme_class))
                        continue;

                // One that is passed to a virtual machine has no disk here.
                if (const auto driver = read_link_if_exists(fmt::format("{}/{}/driver", pci, address));
                        driver && !driver->ends_with("/nvme"))
                        continue;

                ++found.all;
                found.of_store += value("vendor") == amazon && value("device").starts_with(store_devices);
        }

        return found;
}

} // namespace

std::string block_attribute(const std::string& name, const char* file)
{
        return std::string(
                trim(read_file_if_exists(fmt::format("{}{}/{}", blocks, name, file)).value_or("")));
}

std::string udev_property(const std::string& path, const char* name)
{
        const auto device = udev_device(path);
        const char* value = nullptr;
        return device && ::sd_device_get_property_value(device.get(), name, &value) >= 0 ? value : "";
}

bool is_nvme_disk(const std::string& name)
{
        const auto has = [&](const char* file) {
                return exists(fmt::format("{}{}/{}", blocks, name, file));
        };
        // A path of multipath, which has no device node, is hidden.
        return name.starts_with("nvme") && has("device") && !has("partition") &&
               block_attribute(name, "hidden") != "1";
}

LateDisks wait_for_disks(std::chrono::milliseconds limit)
{
        if (!exists("/run/udev/control")) // a container
                return {};

        const auto [controllers, of_store] = count_controllers();
        const auto deadline = std::chrono::steady_clock::now() + limit;

        for (;;) {
                unsigned announced = 0;
                bool all = true;

                for (const auto& name : list_directory(std::string(blocks))) {
                        if (!is_nvme_disk(name))
                                continue;
                        const auto device = udev_device("/dev/" + name);
                        const bool known = device && ::sd_device_get_is_initialized(device.get()) > 0;
                        announced += known;
                        all = all && known;
                }

                if (all && announced >= controllers)
                        return {};
                if (std::chrono::steady_clock::now() + poll_interval > deadline)
                        return {fmt::format("{} disks of {} NVMe controllers were there after {} s",
                                        announced, controllers,
                                        std::chrono::duration_cast<std::chrono::seconds>(limit).count()),
                                of_store > 0};

                std::this_thread::sleep_for(poll_interval);
        }
}

} // namespace eks
