// SPDX-License-Identifier: Apache-2.0
#include "base/root.hpp"

#include "base/fs.hpp"

namespace eks {

Root Root::of_program()
{
        Root root;
        const auto self = read_link_if_exists("/proc/self/exe").value_or("");

        // PREFIX/libexec/eksnode/PROGRAM, and PREFIX/share/eks
        std::string_view prefix = self;
        for (int level = 0; level < 3; ++level)
                prefix = prefix.substr(0, prefix.rfind('/') == prefix.npos ? 0 : prefix.rfind('/'));
        if (auto data = std::string(prefix) + "/share/eks"; data != vendor_directory && exists(data))
                root.vendor_ = std::move(data);

        return root;
}

std::string Root::operator()(std::string_view absolute_path) const
{
        if (!vendor_.empty() && absolute_path.starts_with(vendor_directory))
                if (const auto below = absolute_path.substr(vendor_directory.size());
                        below.empty() || below.starts_with('/'))
                        return vendor_ + std::string(below);
        return prefix_ + std::string(absolute_path);
}

} // namespace eks
