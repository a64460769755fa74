// SPDX-License-Identifier: Apache-2.0
// The findings of `eksnode validate` for people, for programs and for the log of a GitHub workflow.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "verbs/validate/validate.hpp"

namespace eks {

// "warning:" and "error:" lines; a hint follows its errors.
std::string text_of(const Findings& findings);

// Texts of findings, by which another configuration's are known. Where a change moves lines, the same
// finding has another place, so lines and columns do not count.
class KnownTexts {
public:
        void add(std::string_view text);

        // Whether it was added, as often as it is asked for.
        bool take(std::string_view text);

private:
        std::multiset<std::string, std::less<>> texts_;
};

// The findings that `before` lacks. Notes that are no warnings are left out.
Findings new_findings(const Findings& before, const Findings& after);

// {"valid": true, "findings": [{"severity": "error", "file": …, "line": …, "column": …, "message": …,
// "hint": …}]}; what is not known of a place is left out.
std::string json_of(const Findings& findings);

// A line "::error file=…,line=…,col=…::MESSAGE" each, by which GitHub shows it beside the line. Source:
// GitHub Docs, "Workflow commands for GitHub Actions".
std::string github_of(const Findings& findings);

} // namespace eks
