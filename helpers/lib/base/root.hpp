// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace eks {

// The prefix in front of every path that a program reads or writes: "" on a node, a directory in tests and
// `plan`.
class Root {
public:
        Root() = default;
        explicit Root(std::string prefix) : prefix_(std::move(prefix))
        {
                while (prefix_.ends_with('/'))
                        prefix_.pop_back();
        }

        // The real path of an absolute path of the node.
        std::string operator()(std::string_view absolute_path) const
        {
                return prefix_ + std::string(absolute_path);
        }
        const std::string& prefix() const noexcept { return prefix_; }

private:
        std::string prefix_;
};

} // namespace eks
