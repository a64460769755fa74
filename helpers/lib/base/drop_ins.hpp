// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "base/step_plan.hpp"

namespace eks {

inline constexpr std::size_t drop_in_limit = 1U << 20U; // bytes of one file

// Drop-ins of the given directories (lowest precedence first) by systemd's rules: sorted by name across
// directories; a name in a later directory masks the same name in an earlier one; an empty file or a link to
// /dev/null masks only. Returns paths as on a node, of files that end in one of `suffixes`. `notes` gets a
// warning of each name with such an end that is not a file, and of a directory that is not one.
std::vector<std::string> drop_ins(const Root& root, const std::vector<std::string>& directories,
        const std::vector<std::string>& suffixes, std::vector<Note>* notes = nullptr);

// A warning of a path that is there, but is not a file: a directory, a link to nothing. Nothing for a file
// and for a link to /dev/null.
std::optional<Note> not_a_file(const Root& root, const std::string& path);

} // namespace eks
