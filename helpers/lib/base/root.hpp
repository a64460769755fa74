// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace eks {

// The data that are installed with eksnode.
inline constexpr std::string_view vendor_directory = "/usr/share/eks";

// The prefix in front of every path that a program reads or writes: "" on a node, a directory in tests and
// `plan`. The vendor's data may be elsewhere.
class Root {
public:
        Root() = default;
        explicit Root(std::string prefix) : prefix_(std::move(prefix))
        {
                while (prefix_.ends_with('/'))
                        prefix_.pop_back();
        }

        // This machine, with the vendor's data of the tree that the running program is in, if that has any.
        // A verb works from a staged or copied tree with it. Steps do not use it.
        static Root of_program();

        // The real path of an absolute path of the node.
        std::string operator()(std::string_view absolute_path) const;
        const std::string& prefix() const noexcept { return prefix_; }

private:
        std::string prefix_;
        std::string vendor_; // the real path of vendor_directory; "": below the prefix
};

} // namespace eks
