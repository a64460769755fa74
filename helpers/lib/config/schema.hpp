// SPDX-License-Identifier: Apache-2.0
// The keys of node configuration, and how each is merged. One table for NodeConfig (below `spec`) and our TOML.
#pragma once

#include <span>
#include <string_view>

#include "config/layer.hpp"

namespace eks {

enum class ValueKind {
        text,      // string; a non-empty later one replaces
        boolean,   // a later true wins; false does not clear it (nodeadm's rule for enableOutpost)
        flags,     // list of strings; appended
        switches,  // map of booleans; merged key by key
        free_map,  // any map; merged deeply: maps recurse, all else is replaced, null is kept
        toml_text, // string holding TOML; kept apart and merged deeply by the step that renders it
};

struct SchemaKey {
        std::string_view path; // as key_path() writes it
        ValueKind kind;
};

// Sorted by path.
std::span<const SchemaKey> schema();

enum class UnknownKeys { noted, refused };

// Check shape and types of a layer's tree against the schema. `prefix` ("spec.") goes in front of keys in messages.
// Unknown keys are removed from the tree and noted, or refused. Throws Error (config_invalid) naming every problem.
void check_layer(Layer& layer, std::string_view prefix, UnknownKeys unknown);

// Merge `over` into `under` by the rules of the schema (nodeadm's, so that today's user data gives today's result);
// the marks of what won come along. Both trees must have passed check_layer().
void merge_layer(Layer& under, const Layer& over);

// RFC 7386 in shape, but null is kept as a value: some kubelet fields mean something by it.
void deep_merge(Json& under, const Json& over);

} // namespace eks
