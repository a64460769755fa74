// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/root.hpp"

namespace eks {

// A path as it is. Of the name of a systemd credential, where it is: what this process was given by
// LoadCredential=, what `unit` was given, for those that plan its files again, the machine's own, and the
// stores of systemd.exec(5).
std::string credential_path(const Root& root, const std::string& given, std::string_view unit);

// Whether others than root may read a file. A secret that everybody on the machine may read is nobody's.
bool is_readable_by_others(const std::string& path);

} // namespace eks
