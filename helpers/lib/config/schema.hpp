// SPDX-License-Identifier: Apache-2.0
// The keys of node configuration, and how each is merged. One table for NodeConfig (below `spec`), our TOML,
// the JSON Schemas and the manual page.
#pragma once

#include <span>
#include <string_view>

#include "config/layer.hpp"

namespace eks {

enum class ValueKind {
        text,        // string; a non-empty later one replaces
        boolean,     // a later true wins; false does not clear it (nodeadm's rule for enableOutpost)
        toggle,      // boolean; a later one replaces
        count,       // whole number, 0 or more; a later one replaces
        list,        // list of strings; a non-empty later one replaces
        flags,       // list of strings; appended
        switches,    // map of booleans; merged key by key
        text_map,    // map of strings; merged key by key
        environment, // map of maps of strings; merged variable by variable
        free_map,    // any map; merged deeply: maps recurse, all else is replaced, null is kept
        toml_text,   // string holding TOML; kept apart and merged deeply by the step that renders it
};

// Whether keys of anyone's choice stand below one of this kind.
constexpr bool holds_more(ValueKind kind)
{
        return kind == ValueKind::switches || kind == ValueKind::text_map ||
               kind == ValueKind::environment || kind == ValueKind::free_map;
}

struct SchemaKey {
        std::string_view path; // as key_path() writes it
        ValueKind kind;
        std::string_view about;        // one line for readers
        std::string_view choices = {}; // of a text or list: "merge|replace"; empty is any
        bool node_config = true;       // false: our TOML has it, NodeConfig has not
        bool acts = true; // false: it is read and kept, but no step of this version does anything with it
};

// Sorted by path.
std::span<const SchemaKey> schema();

// The key at a path, or the free map that the path leads into; nullptr if there is none.
const SchemaKey* find_schema_key(std::string_view path);

// "must be a list of strings"
std::string_view expected(ValueKind kind);

// The known key nearest to one that is not, ready for a message: "; did you mean '…'?", or nothing.
std::string nearest_key_hint(std::string_view key, std::string_view prefix);

enum class Dialect { node_config, toml };

// Check shape and types of a layer's tree against the schema. Keys of a NodeConfig are shown with "spec." in
// front. What is wrong goes to Layer::problems and out of the tree. Unknown keys are noted in NodeConfig,
// problems in TOML.
void check_layer(Layer& layer, Dialect dialect);

// Merge `over` into `under` by the rules of the schema (nodeadm's, so that today's user data gives today's
// result); the marks of what won, notes and problems come along. Both trees must have passed check_layer().
void merge_layer(Layer& under, const Layer& over);

// RFC 7386 in shape, but null is kept as a value: some kubelet fields mean something by it.
void deep_merge(Json& under, const Json& over);

// The value at a schema path ("kubelet.flags"); nullptr if there is none.
const Json* find_path(const Json& tree, std::string_view path);

} // namespace eks
