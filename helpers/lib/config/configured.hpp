// SPDX-License-Identifier: Apache-2.0
// The input for the parts of a NodeSpec.
#pragma once

#include <string>

#include "document/layer.hpp"

namespace eks {

// A merged configuration.
struct Configured {
        const Json& tree;
        const Marks& marks;
        Problems& problems; // of its values

        // The map at a key of the top level; empty if absent.
        const Json& table(const char* key) const
        {
                static const Json none = Json::object();
                const auto found = tree.find(key);
                return found != tree.end() ? *found : none;
        }

        // For messages: "user data, line 9, column 5".
        std::string source(const std::string& key) const
        {
                return place_of(marks, key, {"configuration"}).text();
        }
};

struct Sourced {
        std::string text;
        std::string source;
};

} // namespace eks
