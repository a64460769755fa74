// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "verbs/logs/bundle.hpp"

namespace eks {

std::string escape_html(std::string_view text);

// The page of a bundle: `facts` are its first lines ("Instance: i-…"), then status, diagnosis, problems,
// the plot of the boot, and links to all files.
std::string index_page(
        const std::string& title, const std::vector<std::string>& facts, const Contents& contents);

} // namespace eks
