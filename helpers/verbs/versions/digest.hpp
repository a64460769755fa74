// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace eks {

// In hexadecimal digits. The file is read in pieces: kubelet is larger than what a program should keep in
// memory. Links are not followed. Throws Error (file_io).
std::string sha256_of_file(const std::string& path);

} // namespace eks
