// SPDX-License-Identifier: Apache-2.0
// The reader of trees with places: checks values and the keys of tables, and reports errors.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "document/layer.hpp"

namespace eks {

enum class Shape {
        any,
        text,
        text_or_list, // a string, or a list of at least one
        list,         // of strings
        number,       // whole
        count,        // whole, 0 or more
        toggle,
        map,         // of values of any type
        text_map,    // of strings
        toggles,     // a map of booleans
        environment, // a map of maps of strings
        text_maps,   // a list of maps of strings
};

constexpr unsigned max_count = 2147483647; // the range of kubelet's own numbers

// Whether a value of this shape may have arbitrary keys.
constexpr bool holds_more(Shape shape)
{
        return shape == Shape::map || shape == Shape::text_map || shape == Shape::toggles ||
               shape == Shape::environment;
}

// "must be a list of strings"; "" for any.
std::string_view expected(Shape shape);

bool fits(const Json& value, Shape shape);

struct KnownKey {
        std::string_view path; // as key_path() writes it
        Shape shape;
        // Of a text or the items of a list: "merge|replace". An empty choice, "|merge", allows the empty
        // text; without choices, any text is allowed.
        std::string_view choices = {};
};

// The choices without the empty one.
std::vector<std::string_view> named_choices(std::string_view choices);

using Wrong = std::function<void(const std::string& key, const Json& value, const std::string& what)>;

// Whether a value is valid for its key. Each invalid item is reported with its own key.
bool check_value(const Json& value, const std::string& key, const KnownKey& known, const Wrong& wrong);

struct KeyRules {
        std::span<const KnownKey> keys;
        std::function<void(const std::string& key)> unknown;
        Wrong wrong;
        // Called before a value is checked; `known` is nullptr for a map above a key. False: the value is
        // left out.
        std::function<bool(Json& value, const std::string& key, const KnownKey* known)> settle = {};
};

// Check a tree against its allowed keys. Errors are reported and removed.
void keep_known(Json& tree, const KeyRules& rules, const std::string& parent = {});

// The place of a key, or of the first key below it; else of the nearest one above it.
Where nearest_place(const Marks& marks, std::string key, Where otherwise);

// A rule for a text, such as "an absolute path".
struct TextRule {
        bool (*is_right)(std::string_view);
        std::string_view expected;
};

// Reads the values of one table. Invalid values are added to the problems, and count as absent.
class TableReader {
public:
        TableReader(const Json& table, std::string path, const Marks& marks, Where otherwise,
                Problems& problems);

        Where where(std::string_view key) const;

        // The second shows the present value, unless it is structured.
        void wrong(std::string_view key, std::string_view value, std::string_view what,
                std::string remedy) const;
        void wrong(std::string_view key, std::string_view what, std::string remedy) const;

        const Json* find(std::string_view key) const;
        std::string text(std::string_view key, const TextRule& rule) const;
        std::vector<std::string> list(std::string_view key, const TextRule& rule) const;
        bool toggle(std::string_view key) const;

        void refuse_unknown(std::span<const std::string> known) const;

private:
        std::string path_of(std::string_view key) const;

        const Json* table_;
        std::string path_;
        const Marks* marks_;
        Where otherwise_;
        Problems* problems_;
};

} // namespace eks
