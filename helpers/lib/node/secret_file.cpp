// SPDX-License-Identifier: Apache-2.0
#include "node/secret_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace eks {

bool is_readable_by_others(const std::string& path)
{
        struct stat st {};
        if (::stat(path.c_str(), &st) < 0)
                return false;
        return (st.st_mode & S_IRWXO) != 0 || ((st.st_mode & S_IRWXG) != 0 && st.st_gid != ::getegid());
}

} // namespace eks
