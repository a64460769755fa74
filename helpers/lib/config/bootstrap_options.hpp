// SPDX-License-Identifier: Apache-2.0
// The options of Amazon Linux 2's bootstrap.sh, and what one call gives to them.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/step.hpp"
#include "config/problems.hpp"
#include "config/shell_calls.hpp"

namespace eks {

// The environment variables that bootstrap.sh looks at.
std::span<const std::string_view> bootstrap_variables();

struct GivenOption {
        std::string name; // as it was given: flag or variable
        ShellValue value;
};

// What is wrong goes to `problems`, what has no meaning to `notes`. The three given must outlive it.
class BootstrapOptions {
public:
        BootstrapOptions(const ShellCall& call, Problems& problems, std::vector<Note>& notes);

        // False if the call asks for --help only; nothing else is asked for then.
        bool read();

        // The name of the cluster if it is usable; a problem if not, or if there is none.
        const ShellValue* cluster_name();

        // Whether there is an option or variable, of whatever value.
        bool given(std::string_view flag) const { return given_.contains(flag); }

        // A usable value; an empty one is as good as none, for bootstrap.sh too.
        const GivenOption* find(std::string_view flag);

        // The same, with line breaks and tabs read as blanks.
        const GivenOption* find_in_lines(std::string_view flag);

        // Note the options that have no meaning today.
        void note_obsolete();

        void problem(
                const ShellValue& value, std::string_view name, std::string_view wrong, std::string remedy);
        void note(const Where& where, std::string_view what, std::string_view wrong);

private:
        bool read_arguments();
        void read_environment();
        void give(std::string_view flag, ShellValue value);
        void extra(const ShellValue& argument);
        bool usable(const ShellValue& value, std::string_view name);

        const ShellCall* call_;
        Problems* problems_;
        std::vector<Note>* notes_;
        std::optional<ShellValue> name_;                // of the cluster
        std::map<std::string_view, GivenOption> given_; // by flag
};

} // namespace eks
