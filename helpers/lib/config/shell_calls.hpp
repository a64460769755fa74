// SPDX-License-Identifier: Apache-2.0
// The calls of one program in a shell script, which is read, not run.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/shell_variables.hpp"

namespace eks {

struct ShellCall {
        Where where;
        std::vector<ShellValue> arguments;
        ShellEnvironment environment;
        ShellEnvironment lost_to_sudo; // set by the script, but the program does not see it
};

// Every call of `program` (an absolute path), wherever it stands, under a condition too, with the words that
// it would get and those variables of its environment that are in `variables`. What a plain assignment gave
// is known; what is set under a condition, read, or computed is not (ShellValue::wrong says why). `source`
// names the script in messages. Throws Error (config_invalid) if its variables expand to too much.
std::vector<ShellCall> find_shell_calls(std::string_view script, const std::string& source,
        std::string_view program, std::span<const std::string_view> variables);

} // namespace eks
