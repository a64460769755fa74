// SPDX-License-Identifier: Apache-2.0
// The keys of node configuration: one table for NodeConfig (below `spec`) and our TOML, generated from
// helpers/data/keys.toml, like their JSON Schemas and the Keys section of eks-node.toml(5).
#pragma once

#include <span>
#include <string_view>

#include "document/reader.hpp"

namespace eks {

enum class MergeRule {
        replace,   // a later one that is not empty replaces
        keep_true, // a later true wins; false does not clear it (nodeadm's rule for enableOutpost)
        append,
        deep,      // maps recurse, other values are replaced, null is kept
        documents, // text of TOML; kept separate, and merged by the step that renders it
};

struct SchemaKey : KnownKey {
        MergeRule merge;
        bool node_config; // false: only our TOML has it, not NodeConfig
        // If no step of this version implements the key: what to do instead. A node does not start with such
        // a key, see keys_without_a_step().
        std::string_view instead;

        // Whether the values of several layers add up, so that none overrides another.
        constexpr bool adds_up() const
        {
                return merge == MergeRule::append || merge == MergeRule::documents;
        }
};

// Sorted by path.
std::span<const SchemaKey> schema();

} // namespace eks
