// SPDX-License-Identifier: Apache-2.0
// How long to wait for user data. A node whose cluster is named elsewhere may have none.
#pragma once

#include <string_view>

#include "base/root.hpp"

namespace eks {

// Whether a text of TOML, YAML or JSON seems to have a key `cluster`. Nothing is parsed: to guess wrong
// costs seconds at boot.
bool seems_to_name_cluster(std::string_view text);

// Whether a layer beside the user data seems to name the cluster: a file of the image, the admin or a
// command, or the kernel command line. What cannot be read names none; eks-config says what is wrong with
// it.
bool is_cluster_named(const Root& root);

} // namespace eks
