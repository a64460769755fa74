// SPDX-License-Identifier: Apache-2.0
// Calls that may hang, made by a process of their own.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace eks {

// What a child finds out: the lines that `ask` returns, or why there are none. The child is left behind at
// the deadline, for a driver that hangs holds a process that asks it.
struct ChildAnswer {
        std::vector<std::string> lines;
        std::string wrong; // empty if nothing was
};
ChildAnswer ask_in_child(
        const std::function<std::vector<std::string>()>& ask, std::chrono::milliseconds deadline);

} // namespace eks
