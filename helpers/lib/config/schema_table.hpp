// SPDX-License-Identifier: Apache-2.0
// The keys of node configuration: one table for NodeConfig (below `spec`), our TOML, their JSON Schemas, and
// the Keys section of eks-node.toml(5).
#pragma once

#include <span>
#include <string_view>

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

constexpr unsigned max_count = 2147483647; // of a count: what kubelet's own numbers hold

// Whether keys of anyone's choice stand below one of this kind.
constexpr bool holds_more(ValueKind kind)
{
        return kind == ValueKind::switches || kind == ValueKind::text_map ||
               kind == ValueKind::environment || kind == ValueKind::free_map;
}

struct SchemaKey {
        std::string_view path; // as key_path() writes it
        ValueKind kind;
        std::string_view about;        // sentences for the manual page, see schema_table.cpp
        std::string_view choices = {}; // of a text or list: "merge|replace"; empty is any
        bool node_config = true;       // false: our TOML has it, NodeConfig has not
        // While no step of this version acts on the key: what its author can do instead. A node does not
        // start with such a key, see keys_without_a_step().
        std::string_view instead = {};
        std::string_view pattern = {}; // of a text: a regular expression that says what check_values() does
};

// Sorted by path.
std::span<const SchemaKey> schema();

} // namespace eks
