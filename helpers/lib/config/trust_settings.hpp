// SPDX-License-Identifier: Apache-2.0
// The certificates that a node trusts besides those of its distribution: the key `trust`.
#pragma once

#include <string>
#include <vector>

#include "document/layer.hpp"

namespace eks {

// One item of trust.certificates.
struct TrustSource {
        enum class Kind { text, file, credential };

        Kind kind;
        std::string given; // PEM, a path, or a name
        std::string key;   // "trust.certificates[0]"
        Where where;

        // For messages, without the PEM: "user data, line 9, column 5: trust.certificates[0]".
        std::string text() const;
};

// Items of no known form are added to the problems, without their text, which may be a private key.
std::vector<TrustSource> trust_sources(const Json& tree, const Marks& marks, Problems& problems);

} // namespace eks
