// SPDX-License-Identifier: Apache-2.0
// How long to wait for user data. A node may have none if another layer names the cluster.
#pragma once

#include <string_view>

#include "base/root.hpp"

namespace eks {

// Whether a text of TOML, YAML or JSON seems to have a key `cluster`. Nothing is parsed; a wrong guess costs
// seconds at boot.
bool seems_to_name_cluster(std::string_view text);

// Whether a layer beside the user data seems to name the cluster: a file of the image, the admin or a
// command, or the kernel command line. A layer that cannot be read counts as one without a cluster;
// eks-config reports the error.
bool is_cluster_named(const Root& root);

} // namespace eks
