// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "checks/check_report.hpp"
#include "config/host_spec.hpp"

namespace eks {

// instance.network: invalid name servers, and more search domains than kubelet passes on to pods. The limits
// are those of Kubernetes (32 domains, 2048 characters; "DNS for Services and Pods", DNS search domain list
// limits).
void check_name_resolution(const HostSpec& host, const CheckReport& report);

// instance.network.managedInterfaces: what can be neither a name nor a MAC address.
void check_managed_interfaces(const HostSpec& host, const CheckReport& report);

} // namespace eks
