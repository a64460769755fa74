// SPDX-License-Identifier: Apache-2.0
// The requirements of runtimes that a machine does not meet.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "containerd/runtime_descriptors.hpp"

namespace eks {

struct MissingParts {
        std::vector<std::string> all; // "no /usr/bin/crun"
        bool program = false;         // the handler's own is among them
};

// The unmet requirements of each descriptor, by handler, including its program. All paths are below root.
std::map<std::string, MissingParts> missing_parts(const Root& root, const RuntimeDescriptors& descriptors);

// The missing program of a handler, by containerd's table (options.BinaryName, runtime_path, or the shim of
// runtime_type); nothing if it exists, or if containerd finds it itself.
std::optional<std::string> missing_program_of(const Root& root, const Json& table);

} // namespace eks
