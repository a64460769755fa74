// SPDX-License-Identifier: Apache-2.0
// eksnode takeover: on the EKS image of Amazon Linux 2023, sets aside what would run or win instead of
// eksnode.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

// Below it are the files that were set aside, by their paths.
inline constexpr std::string_view set_aside_directory = "/etc/eks/set-aside";

struct Move {
        std::string path; // where the file is, or was and will be again
        std::string why;  // it is set aside, in words; empty when it comes back
        bool operator==(const Move&) const = default;
};

struct Takeover {
        std::vector<Move> moves;
        std::vector<std::string> notes; // on what stays as it is

        bool operator==(const Takeover&) const = default;
};

// What to set aside below `root`. Only the names that the image has are looked at; other files of the admin
// stay, and so does a file for which nothing of eksnode's is installed. Throws Error (file_io).
Takeover plan_takeover(const Root& root);

// What comes back: everything that was set aside and whose place is free. Throws Error (file_io).
Takeover plan_undo(const Root& root);

void set_aside(const Root& root, const Move& move);
void bring_back(const Root& root, const Move& move);

// Removes the directories that are empty after everything came back.
void remove_empty_directories(const Root& root);

} // namespace eks
