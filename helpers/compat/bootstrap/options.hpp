// SPDX-License-Identifier: Apache-2.0
// The options of Amazon Linux 2's bootstrap.sh, and their values in one call.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/step_plan.hpp"
#include "compat/bootstrap/call.hpp"

namespace eks {

inline constexpr const char* bootstrap_name = "bootstrap.sh";

// The environment variables that bootstrap.sh looks at.
std::span<const std::string_view> bootstrap_variables();

// Whether it counts only where the call asks EKS for the cluster.
bool is_query_variable(std::string_view name);

struct GivenOption {
        std::string name; // as it was given: flag or variable
        std::string value;
};

// Errors go to `problems`, ignored options to `notes`. The three given must outlive it.
class BootstrapOptions {
public:
        BootstrapOptions(const BootstrapCall& call, Problems& problems, std::vector<Note>& notes);

        // False if the call asks for --help; do not call the other functions then.
        bool read();

        // The name of the cluster. If it is missing or not usable, a problem is added.
        const std::string* cluster_name();

        // A usable value; an empty value counts as absent, as in bootstrap.sh.
        const GivenOption* find(std::string_view flag);

        // The same, with line breaks and tabs read as blanks.
        const GivenOption* find_in_lines(std::string_view flag);

        // Note the options that have no meaning today.
        void note_obsolete();

        // Warn of variables that only a process that asks EKS reads.
        void warn_of_query();

        void problem(const GivenOption& given, std::string_view wrong, std::string remedy);
        void note(std::string_view what, std::string_view wrong); // that it is ignored
        void warn(std::string_view what, std::string_view wrong);

private:
        bool is_set(std::string_view variable) const;
        bool read_arguments();
        void read_environment();
        bool usable(std::string_view name, const std::string& value);

        const BootstrapCall* call_;
        Problems* problems_;
        std::vector<Note>* notes_;
        std::optional<std::string> name_;               // of the cluster
        std::map<std::string_view, GivenOption> given_; // by flag
};

} // namespace eks
