// SPDX-License-Identifier: Apache-2.0
#include "base/drop_ins.hpp"

#include <algorithm>
#include <map>
#include <sys/stat.h>

#include "base/fs.hpp"

namespace eks {

std::vector<std::string> drop_ins(const Root& root, const std::vector<std::string>& directories,
        const std::vector<std::string>& suffixes)
{
        std::map<std::string, std::string> by_name;
        for (const auto& directory : directories)
                for (const auto& name : list_directory(root(directory)))
                        if (std::ranges::any_of(
                                    suffixes, [&](const auto& s) { return name.ends_with(s); }) &&
                                !name.starts_with('.'))
                                by_name[name] = directory + "/" + name;
        std::vector<std::string> paths;
        for (const auto& [name, path] : by_name) {
                struct stat st {};
                if (::stat(root(path).c_str(), &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
                        paths.push_back(path);
        }
        return paths;
}

} // namespace eks
