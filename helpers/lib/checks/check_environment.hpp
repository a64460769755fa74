// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "checks/check_report.hpp"

namespace eks {

// instance.environment: invalid names, and values that systemd does not pass on. A proxy that is set in
// part. No value is shown.
void check_environment(const Json& tree, const CheckReport& report);

} // namespace eks
