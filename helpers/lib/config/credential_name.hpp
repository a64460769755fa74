// SPDX-License-Identifier: Apache-2.0
// How the configuration names a file or a systemd credential.
#pragma once

#include <span>
#include <string_view>

namespace eks {

// The name of a systemd credential, see systemd.exec(5).
bool is_credential_name(std::string_view name);

// Whether an absolute path is below one of the directories, which end in '/'.
bool is_path_below(std::string_view path, std::span<const std::string_view> directories);

} // namespace eks
