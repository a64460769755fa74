// SPDX-License-Identifier: Apache-2.0
// Reads all sources of configuration and merges them into the configuration of this node.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "config/command_layer.hpp"
#include "config/no_configuration.hpp"
#include "document/layer.hpp"
#include "userdata/user_data.hpp"

namespace eks {

inline constexpr std::string_view user_data_path = "/run/eks/user-data";
inline constexpr std::string_view imds_path = "/run/eks/imds.json";

inline constexpr std::size_t config_limit = 1U << 20U; // bytes of one document; EC2 user data ends at 16 KiB

struct Resolved {
        std::vector<Layer> layers; // all of them, in order: the later one wins; the profile is the first
        Layer merged;              // the effective values, with their places
        std::vector<std::string>
                tried; // every source and its content, for the message about an incomplete configuration
        bool has_scripts = false;        // user data holds a script or cloud-config for cloud-init to run
        bool names_bootstrap = false;    // which names /etc/eks/bootstrap.sh
        bool names_call = false;         // or nodeadm
        bool was_called = false;         // bootstrap.sh or nodeadm ran on this instance
        bool has_bootstrap_call = false; // bootstrap.sh did
        std::optional<NoConfiguration> no_configuration = {}; // what the user data is instead
        std::optional<RefusedCall> refused_call = {};         // of bootstrap.sh or nodeadm, in this boot
};

// The names of the layers' sources, in order.
std::vector<std::string> sources_of(const Resolved& resolved);

// For each key the layer that won, and those below it that set the key, too: "swap is from user data, line
// 9, which overrides /etc/eks/node.toml, line 2". Without values, which may be secret.
std::vector<std::string> winning_layers(const Resolved& resolved);

// The same on stderr of a verb, under --debug.
void debug_layers(const Resolved& resolved);

// Whether no layer has any key of a cluster.
bool names_no_cluster(const Resolved& resolved);

// A change that is not made yet.
struct Draft {
        std::string path; // of an admin's drop-in
        std::string text; // "" if it is to be removed
};

// User data in place of what eks-imds has fetched; nothing: there is none.
struct GivenUserData {
        std::optional<std::string> bytes;
        std::string absent; // where it was looked for
};

// The layers of a node, in order: vendor drop-ins, /etc/eks/node.toml, admin drop-ins, nodeadm's drop-ins,
// user data, the calls of commands on this instance, kernel command line. Absent ones are skipped. With a
// draft, as if that drop-in were there. Throws Error (config_syntax, config_invalid, file_io), also for user
// data that is no configuration if no other layer names a cluster.
Resolved resolve_node_layers(
        const Root& root, const std::optional<Draft>& draft = {}, const GivenUserData* given = nullptr);

// The given sources in order: a file (*.toml is ours; *.yaml, *.yml and *.json are NodeConfig), a directory
// of such, or "user-data:FILE". A kubelet.configFile is read below `root`. A missing source is an Error
// (file_io). With `unreadable`, what cannot be parsed is added there, and the others are still read.
Resolved resolve_sources(
        const Root& root, const std::vector<std::string>& sources, Problems* unreadable = nullptr);

// eks.KEY=VALUE words as a layer. Does not throw: errors are in Layer::problems.
Layer command_line_layer(const std::vector<std::string>& words);

// The documents of user data, as layers. The errors of all documents are added to `unreadable`, or thrown
// together (config_syntax, config_invalid). A document that nodeadm does not read is left out, with a note.
std::vector<Layer> parse_documents(
        const UserData& data, std::vector<Note>& notes, Problems* unreadable = nullptr);

} // namespace eks
