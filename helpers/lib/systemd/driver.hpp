// SPDX-License-Identifier: Apache-2.0
// The kernel driver of devices, loaded by systemd's modprobe@.service.
#pragma once

#include <cstddef>
#include <string_view>

#include "systemd/start_unit.hpp"
#include "systemd/step.hpp"

namespace eks {

struct Driver {
        std::string_view module;  // of the kernel, and of /etc/eks/MODULE.disabled
        std::string_view devices; // "Neuron devices"
        const Failure& failure;
        std::string_view install; // the remedy if the module is missing: "Install … for this kernel"
};

// Load it unless it is loaded, for this number of devices. True if it was not loaded before.
// Throws Error (driver.failure).
bool load_driver(Context& context, const Driver& driver, std::size_t devices, const StartUnit& start,
        std::chrono::milliseconds deadline);

// The Error of a driver whose devices do not work: "this machine has Neuron devices (2), but <why>".
Error driver_error(
        const Driver& driver, std::size_t devices, std::string_view why, const std::string& remedy);

} // namespace eks
