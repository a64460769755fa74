// SPDX-License-Identifier: Apache-2.0
// What commands were called with on this instance: bootstrap.sh and nodeadm leave a layer of configuration
// behind. An image that is made from a node carries the file along, so its first line names the instance.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fs.hpp"
#include "base/root.hpp"
#include "document/layer.hpp"

namespace eks {

inline constexpr std::string_view command_layers = "/var/lib/eks/commands.d";
inline constexpr std::string_view bootstrap_layer = "/var/lib/eks/commands.d/bootstrap.toml";
// What was changed in kubelet-config.json after the calls.
inline constexpr std::string_view kubelet_edits_layer = "/var/lib/eks/commands.d/kubelet-edits.toml";

// The instance that the text of such a layer is for; nothing if it does not say.
std::optional<std::string> instance_of_layer(std::string_view text);

// Which call on that instance left the text, counted from 1: a later one wins. 0 if it does not say.
unsigned call_of_layer(std::string_view text);

// This instance, by /run/eks/imds.json; nothing if eks-imds has not run.
std::optional<std::string> known_instance(const Root& root);

// Whether a command has left a layer on this instance: from then on kubelet may start.
bool was_called(const Root& root);

struct CommandLayer {
        std::string command;  // "bootstrap": the file is bootstrap.toml
        std::string instance; // "i-…"
        Json tree;            // in the shape of Layer::tree
};

// As TOML, with the line that names instance and call.
std::string render_command_layer(const CommandLayer& layer, unsigned call);

// A layer that a command has left on this instance.
struct LayerFile {
        std::string path;
        std::string text;

        bool is_call() const { return !path.ends_with("-edits.toml"); }
};

// The layers of an instance, the later call behind the earlier one. Layers of another instance, or of none,
// go to `foreign`. Throws Error (file_io).
std::vector<LayerFile> command_layer_files(const Root& root, const std::optional<std::string>& instance,
        const std::function<void(const LayerFile&)>& foreign);

// Replace what the same command left before, as the latest call: 0600, for a configuration may hold secrets.
// Throws Error (file_io), and then the old file is untouched.
void write_command_layer(
        const Root& root, const CommandLayer& layer, Durability durability = Durability::synced);

} // namespace eks
