// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/error.hpp"

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

        // Append the problems of another collection, or of an Error.
        void add(const Problems& other);
        void add(const Error& error);

        // One error and its remedy. The text begins with the place, if there is one.
        struct Problem {
                std::string text;
                std::string remedy;
                bool operator==(const Problem&) const = default;
        };

        // Sort by place: the sources in this order, then those that are not in it; then by line and column.
        void sort_by_place(const std::vector<std::string>& sources);

        bool empty() const { return all_.empty(); }
        const std::vector<Problem>& all() const { return all_; }
        std::vector<std::string> texts() const;
        std::vector<std::string> remedies() const; // each once

        // Throws InvalidConfiguration (`failure`) if there are any: with the remedies between the problems,
        // each once, and the last one as that of the error.
        void throw_if_any(const Failure& failure) const;

private:
        std::vector<Problem> all_;
        std::unordered_set<std::string> texts_; // of all_
};

// An Error that has its problems one by one, too.
class InvalidConfiguration : public Error {
public:
        InvalidConfiguration(const Failure& failure, const std::string& what, const std::string& remedy,
                Problems problems)
                : Error(failure, what, remedy), problems_(std::move(problems))
        {
        }

        const Problems& problems() const noexcept { return problems_; }

private:
        Problems problems_;
};

} // namespace eks
