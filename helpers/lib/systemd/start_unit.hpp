// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace eks {

class Manager;

// Start a unit and wait until its job has left the queue. False at the deadline.
using StartUnit = std::function<bool(const std::string& unit, std::chrono::milliseconds deadline)>;

// By the service manager, which is reached when the first unit is started. A job that does not end is
// stopped at the deadline: systemd would not regard the boot as finished before. Throws Error
// (manager_unreachable).
StartUnit start_by_manager();

// Start the instances of eks-interface@ that were skipped because eks-config had failed; does not wait. Only
// udev starts them, once for each network interface, so a program that starts the chain again has to start
// them, too. Throws Error (manager_unreachable).
void start_skipped_interfaces(Manager& manager);

} // namespace eks
