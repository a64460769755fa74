// SPDX-License-Identifier: Apache-2.0
#include "node/secret_file.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/fs.hpp"

namespace eks {

std::string credential_path(const Root& root, const std::string& given, std::string_view unit)
{
        if (given.starts_with('/'))
                return given;

        std::vector<std::string> directories{fmt::format("/run/credentials/{}", unit),
                "/run/credentials/@system", "/etc/credstore", "/run/credstore"};
        if (const auto of_unit = environment("CREDENTIALS_DIRECTORY"); !of_unit.empty())
                directories.insert(directories.begin(), of_unit);

        for (const auto& directory : directories)
                if (const auto path = fmt::format("{}/{}", directory, given); exists(root(path)))
                        return path;

        return directories.front() + "/" + given;
}

bool is_readable_by_others(const std::string& path)
{
        struct stat st {};
        if (::stat(path.c_str(), &st) < 0)
                return false;
        return (st.st_mode & S_IRWXO) != 0 || ((st.st_mode & S_IRWXG) != 0 && st.st_gid != ::getegid());
}

} // namespace eks
