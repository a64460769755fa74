// SPDX-License-Identifier: Apache-2.0
// On Amazon Linux 2 a script could change kubelet-config.json before it called bootstrap.sh, which kept the
// keys that it did not set.
#pragma once

#include "base/fs.hpp"
#include "base/root.hpp"
#include "base/step_plan.hpp"
#include "config/kubelet_files.hpp"
#include "document/layer.hpp"

namespace eks {

// The differences of kubelet-config.json from our last rendering, or from the vendor's file before the first
// rendering, as kubelet.config. Empty if there is no such file. Removed keys are set again, and a note names
// them. Throws Error (config_syntax) if it is not JSON.
Json edits_of_kubelet_config(const Root& root, std::vector<Note>& notes);

// Files that scripts may edit before the call; each is a link to a copy of the vendor's file in /run.
inline constexpr std::string_view containerd_config_edited = "/etc/eks/containerd/containerd-config.toml";
inline constexpr std::string_view max_pods_edited = "/etc/eks/eni-max-pods.txt";
inline constexpr std::string_view kubelet_unit_edited = "/etc/eks/containerd/kubelet-containerd.service";
inline constexpr std::string_view sandbox_unit_edited = "/etc/eks/containerd/sandbox-image.service";

// What scripts have changed in kubelet-config.json and in these files: as a tree of the configuration. A
// note names changes without an effect. Throws Error (config_syntax).
Json edits_of_files(const Root& root, const std::string& instance_type, std::vector<Note>& notes);

// Without the lines that hold SANDBOX_IMAGE, a word that bootstrap.sh of Amazon Linux 2 replaced by the
// image's name: we set the name.
std::string without_sandbox_image(std::string_view text);

// Add them to the earlier edits in the layer. Throws Error (file_io).
void add_edits(const Root& root, std::string_view layer, const std::string& instance, const Json& edits,
        Durability durability);

} // namespace eks
