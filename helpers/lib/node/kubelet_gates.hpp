// SPDX-License-Identifier: Apache-2.0
// The settings of kubelet that depend on its version, Kubernetes 1.23 to 1.37. A test checks each row at its
// bounds and one version before them.
#pragma once

#include <span>
#include <string_view>

#include "node/node.hpp"

namespace eks {

inline constexpr Version oldest_kubelet{1, 23, 0};
inline constexpr Version newest_kubelet{1, 37, 0}; // and every patch of it

enum class GatePlace {
        config,    // config.json: a JSON pointer, and JSON
        flag,      // an argument, without dashes
        variable,  // a variable of the environment file
        provider,  // the credential provider's configuration: a JSON pointer, and JSON
        registry,  // one of the first credential provider's matchImages
        label,     // one of our labels in --node-labels
        addresses, // how many addresses --node-ip may have
};

struct KubeletGate {
        GatePlace place;
        std::string_view name;
        std::string_view value; // empty: computed, or the value of the vendor's file
        Version since{};
        Version before{~0U, 0, 0};

        bool holds(const Version& kubelet) const { return kubelet >= since && kubelet < before; }
};

std::span<const KubeletGate> kubelet_gates();

// Whether this kubelet accepts the setting of the rows with that place and name.
bool kubelet_takes(GatePlace place, std::string_view name, const Version& kubelet);

// The first version that accepts it.
Version kubelet_takes_since(GatePlace place, std::string_view name);

// Whether the user's settings go into kubelet's directory of drop-ins. Otherwise there are none, or they go
// into config.json.
bool has_kubelet_drop_in(const NodeInputs& node);

// A note about a kubelet that is not in the table; nothing if it is.
std::vector<Note> kubelet_version_notes(const Version& kubelet);

} // namespace eks
