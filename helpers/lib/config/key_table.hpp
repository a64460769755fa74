// SPDX-License-Identifier: Apache-2.0
// The keys of node configuration: one table for NodeConfig (below `spec`) and our TOML, made of
// helpers/data/keys.toml, as their JSON Schemas and the Keys section of eks-node.toml(5) are.
#pragma once

#include <span>
#include <string_view>

#include "document/reader.hpp"

namespace eks {

enum class MergeRule {
        replace,   // a later one that says something replaces
        keep_true, // a later true wins; false does not clear it (nodeadm's rule for enableOutpost)
        append,
        deep,      // maps recurse, all else is replaced, null is kept
        documents, // text of TOML; kept apart and merged deeply by the step that renders it
};

struct SchemaKey : KnownKey {
        MergeRule merge;
        bool node_config; // false: our TOML has it, NodeConfig has not
        // While no step of this version acts on the key: what its author can do instead. A node does not
        // start with such a key, see keys_without_a_step().
        std::string_view instead;

        // Whether what several layers say adds up, so that none beats another.
        constexpr bool adds_up() const
        {
                return merge == MergeRule::append || merge == MergeRule::documents;
        }
};

// Sorted by path.
std::span<const SchemaKey> schema();

} // namespace eks
