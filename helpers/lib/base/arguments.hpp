// SPDX-License-Identifier: Apache-2.0
// Command lines of the eksnode verbs.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"

namespace eks {

class Arguments {
public:
        // Options are given without their dashes; "NAME=" takes a value (--NAME VALUE or --NAME=VALUE),
        // "NAME" none. Words after "--" are not options. Every verb knows --debug, see debugs(). Throws
        // Error (usage) for an unknown option or a missing value.
        static Arguments parse(int argc, char** argv, std::initializer_list<std::string_view> options);

        bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
        std::optional<std::string> last(std::string_view name) const;
        std::vector<std::string> all(std::string_view name) const;
        std::vector<std::string> names() const; // of the options that were given
        // --root, else this machine; see Root::of_program().
        Root root() const;
        const std::vector<std::string>& positional() const { return positional_; }

private:
        std::map<std::string, std::vector<std::string>, std::less<>> values_;
        std::vector<std::string> positional_;
};

// Whether decisions are to be shown: EKS_LOG_LEVEL is "debug", which --debug sets, too.
bool debugs();

// The line "debug: …" on stderr, if so; without secrets.
void debug(std::string_view text);

// main() of a verb: prints `usage` for --help; an Error that leaves `body` is printed as "eksnode VERB: …"
// and becomes the exit status.
int run_verb(std::string_view verb, std::string_view usage, int argc, char** argv,
        const std::function<int()>& body);

} // namespace eks
