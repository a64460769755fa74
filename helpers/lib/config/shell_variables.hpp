// SPDX-License-Identifier: Apache-2.0
// What the assignments of a shell script come to, and words with them filled in.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/shell_words.hpp"

namespace eks {

// A word after expansion. Where something is unknown, `wrong` says why and `shown` what stands there.
struct ShellValue {
        std::string text;
        Where where;
        std::string wrong;
        std::string shown;

        bool known() const { return wrong.empty(); }
};

using ShellEnvironment = std::map<std::string, ShellValue, std::less<>>;

struct ShellAssignment {
        std::string_view name;
        bool append;
        std::size_t value; // where it begins in the first piece
};

// NAME=… or NAME+=…, pointing into the word; nothing if it is none.
std::optional<ShellAssignment> shell_assignment(const ShellWord& word);

// What is unknown here stays unknown in whatever it goes into. All that expands throws Error
// (config_invalid) once the expansions of a script are too large together: `A=$A$A` doubles with every line.
class ShellVariables {
public:
        // What `word`, which is this assignment, would give to its variable.
        ShellValue assigned_value(const ShellWord& word, const ShellAssignment& parts);

        // Give it; a variable once exported stays that.
        void assign(const ShellWord& word, const ShellAssignment& parts, bool exported);

        // Mark a variable, which may be a new one, as known to the running script only; `wrong` says why.
        void make_unknown(const std::string& name, std::string_view wrong);

        void erase(std::string_view name);

        // Of a variable that is there; nothing happens to one that is not.
        void set_exported(std::string_view name, bool exported);

        // Add what the shell makes of a word: it splits what an unquoted variable brings, so one word may
        // become several values, or none.
        void expand(const ShellWord& word, std::vector<ShellValue>& values);

        // The variables of these names that a program finds in its environment, or that a sourced script
        // sees: that are all.
        ShellEnvironment environment(std::span<const std::string_view> names, bool unexported_too);

private:
        struct Variable {
                ShellValue value;
                bool exported = false;
        };

        void spend(std::size_t bytes, const Where& where);
        void append(ShellValue& value, std::string_view text);
        void append_variable(ShellValue& value, std::string_view name);
        void append_piece(ShellValue& value, const ShellPiece& piece);

        std::map<std::string, Variable, std::less<>> variables_;
        std::size_t expanded_ = 0; // bytes
};

} // namespace eks
