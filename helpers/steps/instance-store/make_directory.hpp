// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace eks {

// A path, or the nearest directory above it that exists.
std::string nearest_that_exists(std::string path);

// Make an empty directory with the mode, owner and label of `like`, which it will hide. If `like` does not
// exist, the mode is `mode_if_absent` and the label that of the directory above. The directory has its name
// only when it is complete. Throws Error: volume_failed.
void make_directory_like(const std::string& path, const std::string& like, unsigned mode_if_absent);

} // namespace eks
