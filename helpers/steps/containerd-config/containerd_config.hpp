// SPDX-License-Identifier: Apache-2.0
// eks-containerd-config: containerd's configuration for its version, with the user's TOML merged over it.
// Reads: /run/eks/node.json, the vendor files, drop-ins. Writes: /etc/containerd/config.toml and
// base-runtime-spec.json, /etc/soci-snapshotter-grpc/config.toml. Again: the same configuration, the same
// files.
#pragma once

#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

// Throws Error: config_syntax for the user's TOML, with its line; config_invalid for settings of wrong
// types, and for settings that containerd lacks or rejects; runtime_invalid as runtime_handlers() does, if
// the default runtime is not defined, or if two layers of the user give one handler different programs;
// vendor_file.
StepPlan plan_containerd_config(const NodeInputs& node);

// What the step may touch.
Access containerd_config_access();

} // namespace eks
