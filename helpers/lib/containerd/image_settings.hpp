// SPDX-License-Identifier: Apache-2.0
// The settings of images in containerd's configuration: the sandbox image and the snapshotter.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "node/node.hpp"

namespace eks {

inline constexpr std::string_view pause_archive =
        "/etc/eks/pause.tar"; // on machine images that contain their own

// The sandbox (pause) image that a config.toml of either schema names; "" if none.
std::string sandbox_image_in(const std::string& config_toml, const std::string& source);

// The snapshotter that it names; "" if none, which means overlayfs.
std::string snapshotter_in(const std::string& config_toml, const std::string& source);

// The sandbox image that config.toml will name, without rendering the file: from the user's TOML, else the
// pause image. Throws Error: config_syntax, config_invalid, facts_missing, vendor_file, file_io.
std::string sandbox_image(const NodeInputs& node);

// EKS's own sandbox image for the node's region; nothing on a machine image that contains one. Throws Error:
// facts_missing, vendor_file.
std::optional<std::string> pulled_pause_image(const NodeInputs& node);

// The snapshotter that the user's TOML names; "" if none. Throws Error (config_syntax).
std::string user_snapshotter(const NodeInputs& node);

// True for an image that is in no registry: the node must have it before a pod can start.
bool is_local_image(std::string_view image);

// True for one that containerd cannot pull by itself: a local one, or one in a registry of ECR, which
// requires the login of the instance's role.
bool is_node_s_image(std::string_view image);

} // namespace eks
