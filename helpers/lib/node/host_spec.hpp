// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "config/sysctl_settings.hpp"
#include "node/configured.hpp"

namespace eks {

struct HostSpec {
        std::vector<Sysctl> sysctls; // of the profile and the configuration
};

HostSpec host_spec(const Configured& given);

} // namespace eks
