// SPDX-License-Identifier: Apache-2.0
// What kubelet is given differently from version to version, in one table: Kubernetes 1.23 to 1.36. A test
// holds each row, one version before its bounds and at them.
#pragma once

#include <span>
#include <string_view>

#include "node/node.hpp"

namespace eks {

inline constexpr Version oldest_kubelet{1, 23, 0};
inline constexpr Version newest_kubelet{1, 36, 0}; // and every patch of it

enum class GatePlace {
        config,      // config.json: a JSON pointer, and JSON
        flag,        // an argument, without dashes
        environment, // a variable beside the arguments
        provider,    // the credential provider's configuration: a JSON pointer, and JSON
        registry,    // one of the first credential provider's matchImages
        label,       // one of ours in --node-labels
        addresses,   // how many of the node's --node-ip may name, one beside the other
};

struct KubeletGate {
        GatePlace place;
        std::string_view name;
        std::string_view value; // empty: computed, or what the vendor's file says
        Version since{};
        Version before{~0U, 0, 0};

        bool holds(const Version& kubelet) const { return kubelet >= since && kubelet < before; }
};

std::span<const KubeletGate> kubelet_gates();

// Whether this kubelet takes what the rows of that place and name stand for.
bool kubelet_takes(GatePlace place, std::string_view name, const Version& kubelet);

// The first version that does, of the rows of that place and name.
Version kubelet_takes_since(GatePlace place, std::string_view name);

// Whether the user's settings go into kubelet's directory of drop-ins. Otherwise there are none, or they go
// into config.json.
bool has_kubelet_drop_in(const NodeInputs& node);

// A kubelet that the table was not made for: nothing, or what to say of it.
std::vector<Note> kubelet_version_notes(const Version& kubelet);

} // namespace eks
