// SPDX-License-Identifier: Apache-2.0
// Checks layers against the table of keys, and merges them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/key_table.hpp"
#include "document/layer.hpp"

namespace eks {

// The key at a path, or the free map that the path leads into; nullptr if there is none.
const SchemaKey* find_schema_key(std::string_view path);

// The known key nearest to an unknown one, for a message: "; did you mean '…'?", or nothing.
std::string nearest_key_hint(std::string_view key, std::string_view prefix);

enum class Dialect { node_config, toml };

// Check shape and types of a layer's tree against the schema. Keys of a NodeConfig are shown with "spec." in
// front. Errors go to Layer::problems and are removed from the tree. Unknown keys are noted in NodeConfig,
// problems in TOML.
void check_layer(Layer& layer, Dialect dialect);

// Merge `over` into `under` by the rules of the schema (nodeadm's, so that existing user data has the same
// result), with the marks of the effective values, notes and problems. Both trees must have passed
// check_layer().
void merge_layer(Layer& under, const Layer& over);

// RFC 7386 in shape, but null is kept as a value: it has a meaning for some fields of kubelet.
void deep_merge(Json& under, const Json& over);

// Remove a value, and the maps that are empty then. False if it is not there.
bool erase_path(Json& tree, std::span<const std::string> parts);

// The value at a schema path ("kubelet.flags"); nullptr if there is none.
const Json* find_path(const Json& tree, std::string_view path);

} // namespace eks
