// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace eks {

// Whether others than root may read a file. A secret that everybody on the machine may read is nobody's.
bool is_readable_by_others(const std::string& path);

} // namespace eks
