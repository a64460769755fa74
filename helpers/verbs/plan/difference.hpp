// SPDX-License-Identifier: Apache-2.0
// Shows a change of a file as a short unified diff, without text that is or may be secret.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "steps/changes.hpp"

namespace eks {

// The text with "(hidden)" for the values of keys, headers, flags and variables that name a secret, for
// everything below such a key, and for the user in a URL.
std::string hide_values(std::string_view text);

// Hunks of a unified diff with two lines around each change; long lines are broken at their flags. "" if the
// texts are equal. Further lines are only counted.
std::string difference(std::string_view before, std::string_view after);

// A change, with the step that makes it and the daemon that reads it. For a file that only root may read, or
// that is not meant to be read, it only says that it changes.
std::string describe(const Root& root, const FileChange& change);

} // namespace eks
