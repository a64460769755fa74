// SPDX-License-Identifier: Apache-2.0
// Calls that may hang, made by a process of their own.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace eks {

// What a child finds out: the lines that `ask` returns, or why there are none. The child is left behind at
// the deadline, for a driver that hangs holds a process that asks it.
struct ChildAnswer {
        std::vector<std::string> lines;
        std::string wrong; // empty if nothing was
};
ChildAnswer ask_in_child(
        const std::function<std::vector<std::string>()>& ask, std::chrono::milliseconds deadline);

// The same in two parts, to have several children at once: it is asked when it is made.
class AskedChild {
public:
        AskedChild(const std::function<std::vector<std::string>()>& ask, std::chrono::milliseconds deadline);

        // Waits for it, until the deadline; once.
        ChildAnswer answer();

private:
        std::string wrong_; // why there is no child
        int child_ = -1;
        UniqueFd reader_;
        std::chrono::steady_clock::time_point end_;
};

} // namespace eks
