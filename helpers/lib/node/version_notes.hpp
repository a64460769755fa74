// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/step_plan.hpp"
#include "node/version.hpp"

namespace eks {

// A note about a daemon that is newer than our tables. It gets the rules of the newest version in them.
Note newer_version_note(std::string_view daemon, const Version& found, const Version& newest);

} // namespace eks
