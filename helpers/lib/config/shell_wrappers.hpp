// SPDX-License-Identifier: Apache-2.0
// Commands that run the command in their arguments: sudo, env, bash, source, exec, timeout and the like.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "config/shell_variables.hpp"

namespace eks {

struct WrappedProgram {
        std::size_t index = 0;         // of the program in the command's words
        bool sourced = false;          // by this shell, whose own variables it sees
        bool environment_lost = false; // of what the script exports, the program sees nothing
        ShellEnvironment environment;  // given on the way
};

// How the words of a command, expanded, run `program` (an absolute path), themselves or through others;
// nothing if they do not, or what runs is unknown.
std::optional<WrappedProgram> find_wrapped_program(
        std::span<const ShellValue> command, std::string_view program);

// Whether a command that begins with this word may run `program`. All others need not even be expanded.
bool may_run(std::string_view first_word, std::string_view program);

} // namespace eks
