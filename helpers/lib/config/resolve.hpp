// SPDX-License-Identifier: Apache-2.0
// From the places where configuration may be to the one configuration of this node.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "document/layer.hpp"

namespace eks {

inline constexpr std::string_view user_data_path = "/run/eks/user-data";
inline constexpr std::string_view imds_path = "/run/eks/imds.json";

inline constexpr std::size_t config_limit = 1U << 20U; // bytes of one document; EC2 user data ends at 16 KiB

struct Resolved {
        std::vector<Layer> layers; // all of them, in order: the later one wins; the profile is the first
        Layer merged;              // what won, with the place of each value
        std::vector<std::string>
                tried;            // every source and what it held, for the message when nothing is complete
        bool has_scripts = false; // user data holds a script or cloud-config for cloud-init to run
        bool names_bootstrap = false;    // which names /etc/eks/bootstrap.sh
        bool was_called = false;         // bootstrap.sh or nodeadm ran on this instance
        bool has_bootstrap_call = false; // bootstrap.sh did
};

// The layers of a node, in order: vendor drop-ins, /etc/eks/node.toml, admin drop-ins, nodeadm's drop-ins,
// user data, what commands were called with on this instance, kernel command line. Absent ones are skipped.
// With a draft, as if that drop-in were there. Throws Error (config_syntax, config_invalid, file_io).
struct Draft {
        std::string path; // of an admin's drop-in
        std::string text; // "" if it is to be removed
};
Resolved resolve_node_layers(const Root& root, const std::optional<Draft>& draft = {});

// The given sources in order: a file (*.toml is ours; *.yaml, *.yml and *.json are NodeConfig), a directory
// of such, or "user-data:FILE". A kubelet.configFile is read below `root`. A missing source is an Error
// (file_io).
Resolved resolve_sources(const Root& root, const std::vector<std::string>& sources);

// eks.KEY=VALUE words as a layer. Throws nothing: what is wrong is in Layer::problems.
Layer command_line_layer(const std::vector<std::string>& words);

// Whether no layer says anything of a cluster.
bool names_no_cluster(const Resolved& resolved);

// What a reader of this configuration should know of the scripts in the user data; a sentence each.
std::vector<std::string> script_remarks(const Resolved& resolved);

// A call of bootstrap.sh that names neither the cluster's service range nor its DNS service goes by
// bootstrap.sh's rule: the DNS service is 172.20.0.10 if an IPv4 range of the VPC begins with 10,
// else 10.100.0.10 (EKS gives services 172.20.0.0/16 or 10.100.0.0/16 by the same rule, unless told
// otherwise). Sets kubelet.config.clusterDNS; does nothing without such a call, or without facts (`imds`).
void add_bootstrap_dns(Resolved& resolved, const Json& imds);

// The keys that are given although no step of this version acts on them: storage, proxies or name servers
// would be lost without a word. A node does not start with them.
Problems keys_without_a_step(const Layer& merged);

// Everything that is missing or wrong, that of the layers first. `imds` are facts to hold the values
// against, or null. Throws Error (config_missing) if no layer says anything of a cluster. An image, which
// gets its cluster later, need not be `complete`.
Problems find_problems(
        const Resolved& resolved, const Json& imds, std::vector<Note>& notes, bool complete = true);

// The same, thrown as an Error (config_invalid).
void validate(const Resolved& resolved, const Json& imds, std::vector<Note>& notes);

} // namespace eks
