// SPDX-License-Identifier: Apache-2.0
// What the configuration seems to say before anything can parse it: how long to wait for user data, as a
// node may have none if another layer names the cluster, and whether to ask the metadata service at all.
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

// Whether such a layer seems to have the key facts.metadataService.
bool is_service_configured(const Root& root);

} // namespace eks
