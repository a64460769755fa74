// SPDX-License-Identifier: Apache-2.0
// The one reader of trees with places: what a value must be, which keys a table may have, and what is said
// of all else.
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
        map,         // of anything
        text_map,    // of strings
        toggles,     // a map of booleans
        environment, // a map of maps of strings
        text_maps,   // a list of maps of strings
};

constexpr unsigned max_count = 2147483647; // what kubelet's own numbers hold

// Whether keys of anyone's choice stand below a value of this shape.
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
        // Of a text or the items of a list: "merge|replace". An empty one, "|merge", allows the empty text;
        // none at all, any.
        std::string_view choices = {};
};

// Without the empty one.
std::vector<std::string_view> named_choices(std::string_view choices);

using Wrong = std::function<void(const std::string& key, const Json& value, const std::string& what)>;

// Whether a value is what its key may hold. Each item in it that is not is told of by its own key.
bool check_value(const Json& value, const std::string& key, const KnownKey& known, const Wrong& wrong);

struct KeyRules {
        std::span<const KnownKey> keys;
        std::function<void(const std::string& key)> unknown;
        Wrong wrong;
        // Before a value is looked at; `known` is nullptr for a map on the way to a key. False: it is left
        // out.
        std::function<bool(Json& value, const std::string& key, const KnownKey* known)> settle = {};
};

// Hold a tree against the keys that it may have. What is wrong is told of, and taken out.
void keep_known(Json& tree, const KeyRules& rules, const std::string& parent = {});

// Where a key stands, or the first below it; else the nearest above it.
Where nearest_place(const Marks& marks, std::string key, Where otherwise);

// What a text must be beside a text: "an absolute path".
struct TextRule {
        bool (*is_right)(std::string_view);
        std::string_view expected;
};

// Reads the values of one table. What is wrong is added to the problems, and reads as absent.
class TableReader {
public:
        TableReader(const Json& table, std::string path, const Marks& marks, Where otherwise,
                Problems& problems);

        Where where(std::string_view key) const;

        // The second shows the value that is there, but for a structured one.
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
