// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <sys/stat.h>

#include "base/root.hpp"

namespace eks {

// Calls `visit` for a path and everything below it on the same file system, each with its absolute path on
// the node. Links are not followed. A path that is absent has nothing. Throws Error (file_io).
void walk_tree(const Root& root, const std::string& path,
        const std::function<void(std::string_view path, const struct stat& st)>& visit);

} // namespace eks
