// SPDX-License-Identifier: Apache-2.0
#include "node/cgroup.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/fs.hpp"

namespace eks {

std::optional<int> cgroup_version(const Root& root)
{
        struct statfs found {};
        if (::statfs(root("/sys/fs/cgroup").c_str(), &found) != 0)
                return std::nullopt;

        // Below another root it is a copy on any file system, so look for a file that every unified
        // hierarchy has.
        return found.f_type == CGROUP2_SUPER_MAGIC || exists(root("/sys/fs/cgroup/cgroup.controllers")) ? 2
                                                                                                        : 1;
}

} // namespace eks
