// SPDX-License-Identifier: Apache-2.0
// Scripts for Amazon Linux 2 had bootstrap.sh source a file of theirs, by editing its text with sed.
#pragma once

#include <string_view>

#include "compat/bootstrap/call.hpp"
#include "compat/bootstrap/options.hpp"

namespace eks {

inline constexpr std::string_view sourced_settings = "/etc/profile.d/bootstrap.sh";

// Add what the file sets to the environment of a call, as sourcing it at the start of bootstrap.sh did.
// Flags of kubelet in it are added to those of the call, as the scripts had it. Returns the names of what it
// sets; nothing without such a file. Throws Error (file_io, config_invalid) if bash cannot read it.
std::vector<std::string> add_sourced_settings(BootstrapCall& call, const std::string& path);

} // namespace eks
