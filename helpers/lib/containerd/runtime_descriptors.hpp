// SPDX-License-Identifier: Apache-2.0
// Descriptors of container runtimes: read, merged with the node's configuration, checked. See
// eks-runtime(5).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"
#include "config/containerd_spec.hpp"

namespace eks {

inline constexpr std::string_view runtimes_vendor_directory = "/usr/share/eks/runtimes.d";

struct RuntimeDescriptor {
        Json tree; // as written, defaults filled in
        Where place;
        bool vendor = false; // as in eksnode's package or in the image
};

// By the names of their handlers.
using RuntimeDescriptors = std::map<std::string, RuntimeDescriptor>;

// Throws Error (runtime_invalid) for errors that do not depend on the machine.
void check_runtime_settings(const RuntimeSettings& settings);

// Those of /usr/share/eks/runtimes.d and /etc/eks/runtimes.d, and the settings over them. Throws Error as
// runtime_handlers() says of descriptors.
RuntimeDescriptors runtime_descriptors(
        const Root& root, const RuntimeSettings& settings, std::vector<Note>& notes);

// A text, or a list of them, as a list.
std::vector<std::string> paths_of(const Json& value);

} // namespace eks
