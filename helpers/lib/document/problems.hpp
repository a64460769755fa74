// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/messages.hpp"

namespace eks {

struct Where {
        std::string source; // "/etc/eks/node.toml", "user data"
        int line = 0;       // from 1; 0 is unknown
        int column = 0;

        std::string text() const; // "user data, line 3, column 5"
        bool operator==(const Where&) const = default;
};

// A value for a message: quoted, on one line, without secrets, and cut if it is long.
std::string shown_value(std::string_view given);

// All errors in a configuration, so that its author can correct them together.
class Problems {
public:
        // "<where>: <key> = <value>: <what is wrong>"; an empty value is left out, and also that of a key
        // that names a secret.
        void add(const Where& where, std::string_view key, std::string_view value, std::string_view wrong,
                std::string remedy);

        // A complete text. The same text is kept once.
        void add(std::string text, std::string remedy);

        // Append the problems of another collection.
        void add(const Problems& other);

        // One error and its remedy.
        struct Problem {
                std::string text;
                std::string remedy;
                bool operator==(const Problem&) const = default;
        };

        bool empty() const { return all_.empty(); }
        const std::vector<Problem>& all() const { return all_; }
        std::vector<std::string> texts() const;
        std::vector<std::string> remedies() const; // each once

        // Throws Error (`failure`) if there are any.
        void throw_if_any(const Failure& failure) const;

private:
        std::vector<Problem> all_;
};

} // namespace eks
