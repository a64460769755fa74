// SPDX-License-Identifier: Apache-2.0
// What a machine lacks of what runtimes need.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "node/runtime_descriptors.hpp"

namespace eks {

struct MissingParts {
        std::vector<std::string> all; // "no /usr/bin/crun"
        bool program = false;         // the handler's own is among them
};

// Of each descriptor, by the names of their handlers: its program, and what it requires. All is looked up
// below root.
std::map<std::string, MissingParts> missing_parts(const Root& root, const RuntimeDescriptors& descriptors);

// What is missing of the program of a handler as containerd's table of it names that (options.BinaryName,
// runtime_path, or the shim of runtime_type); nothing if all is there, or is containerd's own to find.
std::optional<std::string> missing_program_of(const Root& root, const Json& table);

} // namespace eks
