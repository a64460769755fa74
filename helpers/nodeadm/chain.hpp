// SPDX-License-Identifier: Apache-2.0
// The sources that nodeadm is called with, evaluated by its rules: in order, each may hold several
// NodeConfigs or, where that is tolerated, none.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"
#include "document/layer.hpp"

namespace eks {

struct ConfigSource {
        std::string uri;
        std::optional<std::string> path = std::nullopt; // of a file or directory; nothing for user data
};

// "imds://user-data" or "file://PATH". Throws Error (config_invalid) for any other scheme, and for a path
// that is not percent-encoded right.
ConfigSource parse_config_source(const std::string& uri);

struct Chain {
        struct Member {
                ConfigSource source;
                std::vector<Layer> layers;
        };
        std::vector<Member> members; // the sources that hold something

        Layer merged() const;
        std::vector<const Layer*> layers() const;
};

// User data as the instance has it; nothing if it has none. Throws Error.
using UserDataReader = std::function<std::optional<std::string>()>;

// Throws Error: config_missing ("no config in chain") if no source holds anything, config_invalid and
// file_io
// ("config provider at index N failed: …") for what nodeadm does not tolerate. Wrong values are in the
// layers' problems. `warn` hears of sources that hold nothing.
Chain evaluate_chain(const Root& root, const std::vector<std::string>& uris,
        const UserDataReader& read_user_data, const std::function<void(const std::string&)>& warn);

inline constexpr std::string_view empty_chain = "no config in chain";

} // namespace eks
