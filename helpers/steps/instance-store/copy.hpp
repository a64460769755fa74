// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace eks {

// Copies a directory with all that is on its filesystem, owners, attributes and links as they are. The copy
// is complete and on disk under its name, or absent; one that was cut off is made again. The directory is
// read by many threads beside cp(1): a volume that was made from a snapshot answers each read of a new block
// late. Throws Error: volume_failed.
void copy_directory(const std::string& from, const std::string& to);

} // namespace eks
