// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

inline constexpr std::size_t drop_in_limit = 1U << 20U; // bytes of one file

// Drop-ins of the given directories (lowest precedence first) by systemd's rules: sorted by name across
// directories; a name in a later directory masks the same name in an earlier one; an empty file or a link to
// /dev/null masks only. Returns paths as on a node, of files that end in one of `suffixes`.
std::vector<std::string> drop_ins(const Root& root, const std::vector<std::string>& directories,
        const std::vector<std::string>& suffixes);

} // namespace eks
