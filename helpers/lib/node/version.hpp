// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace eks {

// The three numbers of a release; no gate depends on pre-release and build parts.
struct Version {
        unsigned major = 0;
        unsigned minor = 0;
        unsigned patch = 0;

        auto operator<=>(const Version&) const = default;
        std::string text() const; // "1.34.1"
};

// The first N.N.N or N.N in a text such as "Kubernetes v1.34.1-eks-113cf36" or "containerd
// github.com/… 1.6.20~ds1".
std::optional<Version> find_version(std::string_view text);

} // namespace eks
