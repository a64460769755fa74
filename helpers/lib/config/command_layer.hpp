// SPDX-License-Identifier: Apache-2.0
// The layers of commands that were called on this instance: bootstrap.sh and nodeadm write their arguments
// as a layer of the configuration. An image made from a node contains the file, so its first line names the
// instance.
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
// The changes of kubelet-config.json after the calls.
inline constexpr std::string_view kubelet_edits_layer = "/var/lib/eks/commands.d/kubelet-edits.toml";

// The instance in the text of such a layer; nothing if it has none.
std::optional<std::string> instance_of_layer(std::string_view text);

// The number of the call on that instance, from 1; a later one overrides. 0 if the text has none.
unsigned call_of_layer(std::string_view text);

// This instance, by /run/eks/imds.json; nothing if eks-imds has not run.
std::optional<std::string> known_instance(const Root& root);

// Whether a command has written a layer on this instance. From then on kubelet may start.
bool was_called(const Root& root);

struct CommandLayer {
        std::string command;  // "bootstrap": the file is bootstrap.toml
        std::string instance; // "i-…"
        Json tree;            // in the shape of Layer::tree
};

// As TOML, with the line that names instance and call.
std::string render_command_layer(const CommandLayer& layer, unsigned call);

// A layer that a command wrote on this instance.
struct LayerFile {
        std::string path;
        std::string text;

        bool is_call() const { return !path.ends_with("-edits.toml"); }
};

// The layers of an instance, in the order of the calls. Layers of another instance, or without one, go to
// `foreign`. Throws Error (file_io).
std::vector<LayerFile> command_layer_files(const Root& root, const std::optional<std::string>& instance,
        const std::function<void(const LayerFile&)>& foreign);

// The last call of a command that was refused in this boot, so that its script may be the cause of a missing
// cluster. A later call that is not refused removes the file.
inline constexpr std::string_view refused_call_path = "/run/eks/call-refused";

struct RefusedCall {
        std::string command; // "bootstrap.sh"
        std::string cause;
        std::string remedy;
};

// Nothing if there was none, or it cannot be read.
std::optional<RefusedCall> refused_call(const Root& root);

// Throws Error (file_io).
void write_refused_call(const Root& root, const RefusedCall& call);

// Replace the layer of the same command, as the latest call. Mode 0600, because a configuration may contain
// secrets. Throws Error (file_io), and then the old file is untouched.
void write_command_layer(
        const Root& root, const CommandLayer& layer, Durability durability = Durability::synced);

} // namespace eks
