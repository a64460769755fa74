// SPDX-License-Identifier: Apache-2.0
// How NVIDIA GPUs are divided: the key `nvidia.mig.profile`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "document/layer.hpp"

namespace eks {

struct MigProfile {
        std::string all;                        // as many instances of this kind as a GPU has; or
        std::map<std::string, unsigned> counts; // instances of each kind
        std::string source;                     // for messages: the place of the key
};

// "all-1g.5gb", or "3g.20gb, 1g.5gb:2"; nothing if it is neither. Without the source.
std::optional<MigProfile> parse_mig_profile(std::string_view text);

// Nothing if none is configured. An invalid one is added to `problems`.
std::optional<MigProfile> mig_profile(const Json& tree, const Marks& marks, Problems& problems);

} // namespace eks
