// SPDX-License-Identifier: Apache-2.0
// Which of the optional steps a node needs. Each has a gate: a file below /run/eks/enabled, which eks-config
// writes and the step's unit has as a condition.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "config/sources.hpp"
#include "node/node.hpp"

namespace eks {

struct GateInputs {
        const NodeInputs& node;
        const Resolved& resolved;
        std::vector<Note>& notes;
};

struct Gate {
        std::string_view name; // "sysctl"
        bool (*is_open)(const GateInputs&);
        std::string_view when; // it is open, for the log: "sysctl or hugePages is set"
};

// Sorted by name.
std::span<const Gate> gates();

// The result of `decide`. Nothing if the settings of containerd are broken: eks-containerd-config then fails
// and says why.
template <typename F>
auto unless_broken(std::vector<Note>& notes, const F& decide) -> std::optional<decltype(decide())>
{
        try {
                return decide();
        } catch (const Error& e) {
                notes.push_back({Level::debug, fmt::format("left to eks-containerd-config: {}", e.what())});
                return std::nullopt;
        }
}

} // namespace eks
