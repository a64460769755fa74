// SPDX-License-Identifier: Apache-2.0
// Node configuration as it comes from one place, whatever its format: a tree in the shape of NodeConfig's
// spec, and for every key the line it stands on.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/step.hpp"
#include "document/problems.hpp"

namespace eks {

using Json = nlohmann::json;

// Key path ("kubelet.config.evictionHard.\"memory.available\"") to place.
using Marks = std::map<std::string, Where>;

// What Where::text() was made from.
Where parse_place(const std::string& text);

// Where a key stands; `otherwise` if no mark says so.
Where place_of(const Marks& marks, const std::string& key, Where otherwise);

// Where it stands, or else the first key below it.
std::optional<Where> place_at_or_below(const Marks& marks, const std::string& key);

struct Layer {
        std::string source;
        Json tree = Json::object();
        Marks marks;
        std::vector<Note> notes;       // what was ignored, and why
        Problems problems;             // wrong keys and types; what they concern is not in the tree
        std::set<std::string> refused; // the keys of wrong types
        std::vector<std::string> flags_as_given =
                {}; // kubelet.flags of a NodeConfig, before it is taken apart
};

// A string of JSON, and a basic string of TOML, which knows all of JSON's escapes.
std::string quoted(const std::string& text);

// A string as it stands, all else as JSON.
std::string value_text(const Json& value);

// A value as a message shows it: strings as shown_value(), all else as JSON, cut if it is long.
std::string shown_json(const Json& value);

// Whether a key in it names a secret, or a text in it holds a login: what a file of it is only root's for.
bool holds_secret(const Json& value);

// "parent.key"; a key with dots or blanks is quoted.
std::string key_path(std::string_view parent, std::string_view key);
std::string key_path(Json::json_pointer pointer);

// A map, YAML or JSON, of any content; the marks of its keys go to the layer. Throws Error (config_syntax).
Json parse_map(std::string_view text, Layer& layer);

} // namespace eks
