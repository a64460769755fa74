// SPDX-License-Identifier: Apache-2.0
// The lines by which kubelet and containerd report errors.
#pragma once

#include <string>
#include <string_view>

namespace eks {

bool is_error(std::string_view line);

// The same without its time and the place in their source.
std::string error_text(std::string_view line);

} // namespace eks
