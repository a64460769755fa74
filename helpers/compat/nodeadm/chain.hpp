// SPDX-License-Identifier: Apache-2.0
// The sources that nodeadm is called with, evaluated by its rules: in order, each may contain several
// NodeConfigs, or no NodeConfig if that is tolerated.
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
// with invalid percent-encoding.
ConfigSource parse_config_source(const std::string& uri);

struct Chain {
        struct Member {
                ConfigSource source;
                std::vector<Layer> layers;
        };
        std::vector<Member> members; // the sources that contain a NodeConfig

        Layer merged() const;
        std::vector<const Layer*> layers() const;
};

// The user data of the instance; nothing if it has none. Throws Error.
using UserDataReader = std::function<std::optional<std::string>()>;

// Throws Error: config_missing ("no config in chain") if no source contains a NodeConfig, config_invalid and
// file_io ("config provider at index N failed: …") for sources that nodeadm does not tolerate. Invalid
// values are in the layers' problems. `warn` is called for empty sources.
Chain evaluate_chain(const Root& root, const std::vector<std::string>& uris,
        const UserDataReader& read_user_data, const std::function<void(const std::string&)>& warn);

inline constexpr std::string_view empty_chain = "no config in chain";

} // namespace eks
