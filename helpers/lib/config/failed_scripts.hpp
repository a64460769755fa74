// SPDX-License-Identifier: Apache-2.0
// The scripts in the user data that have failed.
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

// The names ("part-001") in cloud-init's result.json of this boot; none before its last stage has ended, and
// if it cannot be read. It has no exit statuses: they are only in cloud-init's log, if that is at level
// debug.
std::vector<std::string> failed_scripts(const Root& root);

} // namespace eks
