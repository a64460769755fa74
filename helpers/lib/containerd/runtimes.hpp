// SPDX-License-Identifier: Apache-2.0
// The container runtimes of a node: which of the described ones it can run, and their configuration. See
// eks-runtime(5).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "containerd/runtime_descriptors.hpp"

namespace eks {

// One runtime handler, named in containerd's configuration and in RuntimeClasses.
struct RuntimeHandler {
        std::string name;
        Json descriptor; // as written, defaults filled in: about, class, kind, render, runtime_type, …
        Where place;     // of the descriptor
        bool rendered = false;
        std::string reason;    // why it is rendered, or everything that this machine lacks
        bool vendor = false;   // as we ship it, or the image
        bool surprise = false; // not rendered although an admin requested it, or although its program exists
        bool awaited = false;  // rendered as the default, although this machine lacks what `reason` says
};

struct RuntimeHandlers {
        std::vector<RuntimeHandler> all; // sorted by name
        std::string default_name;
        std::vector<Note> notes;
};

// Reads /usr/share/eks/runtimes.d and /etc/eks/runtimes.d by systemd's rules for drop-ins; a descriptor of
// /etc also replaces one of /usr of the same handler. Their requirements are looked up below root. Throws
// Error: config_syntax; runtime_invalid for an unknown key or a wrong value with its line, for two
// descriptors of one handler in a directory, if there is no runc, and if the default is not defined, is
// never rendered, or is claimed twice.
RuntimeHandlers runtime_handlers(const Root& root, const RuntimeSettings& settings);

// Renders a handler that the configuration names as the default at `place` ("FILE, line 2: KEY = VALUE").
// What this machine lacks is only noted: a script in the user data may install it, and containerd starts
// without CRI if its default is not defined. Throws Error (runtime_invalid) if the descriptor says never.
void render_default(RuntimeHandler& handler, std::string_view place, std::vector<Note>& notes);

// The settings of one handler, in schema 3.
Json handler_settings(const RuntimeHandler& handler);

// The handlers that are rendered, and the default, as settings of containerd in schema 3.
Json containerd_settings(const RuntimeHandlers& handlers);

// The files of a handler's descriptor, path to content.
std::map<std::string, std::string> runtime_files(const RuntimeHandler& handler);

// A RuntimeClass manifest (node.k8s.io/v1), YAML.
std::string runtime_class(const RuntimeHandler& handler);

// The first path of a text or list that exists below root; the first one if none exists.
std::string present_path(const Root& root, const Json& paths);

} // namespace eks
