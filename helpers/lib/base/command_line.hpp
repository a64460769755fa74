// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

// The words of the kernel command line, without their quotes. In a container that line is the host's, so the
// arguments of the manager are read instead, as systemd does.
std::vector<std::string> kernel_command_line(const Root& root, bool in_container);

// 1, yes, true, on, y and their opposites; nothing for any other text.
std::optional<bool> parse_boolean(std::string_view text);

// Whether the kernel runs in FIPS mode: /proc/sys/crypto/fips_enabled.
bool fips_kernel(const Root& root);

} // namespace eks
