// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/vfs.h>

#include "steps/swap/swap.hpp"

namespace eks {

namespace {

int errno_of(int status)
{
        return status == 0 ? 0 : errno;
}

std::string filesystem_of(const std::string& directory)
{
        struct statfs status {};
        if (::statfs(directory.c_str(), &status) != 0)
                return "";

        constexpr auto xfs = 0x58465342; // XFS_SUPER_MAGIC

        switch (status.f_type) {
        case EXT4_SUPER_MAGIC:
                return "ext4";
        case xfs:
                return "xfs";
        case BTRFS_SUPER_MAGIC:
                return "btrfs";
        default:
                return "";
        }
}

bool is_mount_point(const std::string& directory)
{
        struct stat here {};
        struct stat above {};
        return ::stat(directory.c_str(), &here) == 0 && ::stat((directory + "/..").c_str(), &above) == 0 &&
               here.st_dev != above.st_dev;
}

} // namespace

SwapCalls swap_calls_of_kernel()
{
        return {.on = [](const std::string& path,
                              int flags) { return errno_of(::swapon(path.c_str(), flags)); },
                .off = [](const std::string& path) { return errno_of(::swapoff(path.c_str())); },
                .filesystem = filesystem_of,
                .is_mount_point = is_mount_point};
}

} // namespace eks
