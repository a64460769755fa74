// SPDX-License-Identifier: Apache-2.0
// NVMe disks, as the kernel and udev know them.
#pragma once

#include <chrono>
#include <string>

namespace eks {

// A file below /sys/class/block/NAME, "" without it.
std::string block_attribute(const std::string& name, const char* file);

// A property of a device in udev's database, "" without it.
std::string udev_property(const std::string& path, const char* name);

// Whether it is a whole disk with a device node.
bool is_nvme_disk(const std::string& name);

// What is missing at the deadline.
struct LateDisks {
        std::string text;      // "" if all are there
        bool of_store = false; // one of the controllers may be of the instance store
};
// Wait until udev has announced a disk for each NVMe controller; not where there is no udev, as in a
// container.
LateDisks wait_for_disks(std::chrono::milliseconds limit);

} // namespace eks
