// SPDX-License-Identifier: Apache-2.0
// eks-containerd-config: containerd's configuration for its version, with the user's TOML merged over it.
// Reads: /run/eks/node.json, the vendor files, drop-ins. Writes: /etc/containerd/config.toml and
// base-runtime-spec.json, /etc/soci-snapshotter-grpc/config.toml. Again: the same configuration, the same
// files.
#pragma once

#include <string>

#include "base/step.hpp"
#include "node/node.hpp"

namespace eks {

inline constexpr std::string_view containerd_config_path = "/etc/containerd/config.toml";

inline constexpr std::string_view soci_config_path = "/etc/soci-snapshotter-grpc/config.toml";

inline constexpr std::string_view pause_archive = "/etc/eks/pause.tar"; // of an image that carries its own

// Throws Error: config_syntax for the user's TOML, with its line; config_invalid for settings of wrong
// types, for what containerd has not or does not start with; runtime_invalid as runtime_handlers() does, if
// the default runtime is not defined or has no program, or if two layers of the user give one handler
// different programs; vendor_file.
StepPlan plan_containerd_config(const NodeInputs& node);

// What can be said of the user's TOML and descriptors without a node: the notes of what no schema has.
// Throws Error as above.
void check_user_configs(const NodeSpec& spec, std::vector<Note>& notes);

// The sandbox (pause) image that a config.toml of either schema names; "" if none.
std::string sandbox_image_in(const std::string& config_toml, const std::string& source);

// The snapshotter that it names; "" if none, which is overlayfs.
std::string snapshotter_in(const std::string& config_toml, const std::string& source);

// The one that config.toml will name, without the rest of it: of the user's TOML, else the pause image.
// Throws Error: config_syntax, config_invalid, facts_missing, vendor_file, file_io.
std::string sandbox_image(const NodeInputs& node);

// The snapshotter that the user's TOML names; "" if none. Throws Error (config_syntax).
std::string user_snapshotter(const NodeInputs& node);

// True for an image that no registry can give: the node must have it before a pod can start.
bool is_local_image(std::string_view image);

// True for one that containerd cannot pull by itself: a local one, or one of a registry of ECR, which wants
// the login of the instance's role.
bool is_node_s_image(std::string_view image);

} // namespace eks
