// SPDX-License-Identifier: Apache-2.0
// The configuration from one source, in any format: a tree in the shape of NodeConfig's spec, and the line
// of every key.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/step_plan.hpp"
#include "document/problems.hpp"

namespace eks {

// Key path ("kubelet.config.evictionHard.\"memory.available\"") to place.
using Marks = std::map<std::string, Where>;

// Parses the result of Where::text().
Where parse_place(const std::string& text);

// The place at the beginning of a message: "user data, line 3, column 5: kubelet.flags: …". Of
// "containerd.config (user data, line 3, column 5), line 1, column 1: …" it is the place of the text that
// the second one counts in.
Where place_in_message(std::string_view text);

// As Problems::sort_by_place().
void sort_by_place(std::vector<Note>& notes, const std::vector<std::string>& sources);

// The place of a key; `otherwise` if there is no mark.
Where place_of(const Marks& marks, const std::string& key, Where otherwise);

// Its place, else that of the first key below it.
std::optional<Where> place_at_or_below(const Marks& marks, const std::string& key);

struct Layer {
        std::string source;
        Json tree = Json::object();
        Marks marks;
        std::vector<Note> notes;       // ignored keys, with reasons
        Problems problems;             // invalid keys and types; their values are not in the tree
        std::set<std::string> refused; // the keys of wrong types
        Marks misplaced = {};          // keys of a NodeConfig's spec that are beside it
        std::vector<std::string> flags_as_given = {}; // kubelet.flags of a NodeConfig, before it is split
};

// A string in JSON, which is also a basic string in TOML.
std::string quoted(const std::string& text);

// A string unchanged, other values as JSON.
std::string value_text(const Json& value);

// A value for a message: strings as shown_value(), other values as JSON, cut if it is long.
std::string shown_json(const Json& value);

// Whether a key in it names a secret, or a text in it contains a login, so that only root may read its file.
bool holds_secret(const Json& value);

// "parent.key"; a key with dots or blanks is quoted.
std::string key_path(std::string_view parent, std::string_view key);
std::string key_path(Json::json_pointer pointer);

// A map, YAML or JSON, of any content; the marks of its keys go to the layer. Throws Error (config_syntax).
Json parse_map(std::string_view text, Layer& layer);

} // namespace eks
