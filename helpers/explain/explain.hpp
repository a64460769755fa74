// SPDX-License-Identifier: Apache-2.0
// eksnode explain: which value won, and where every layer that has one says so.
#pragma once

#include <string>
#include <vector>

#include "config/sources.hpp"

namespace eks {

// One layer's say on a key.
struct Opinion {
        Json value;
        Where where;
};

// What eksnode sets in kubelet's configuration by itself on this node, whatever its file holds: with an
// older kubelet that has the user's settings in it, and it may have been edited. null where the facts of a
// node are not at hand.
Json generated_settings(const Root& root, const Resolved& resolved);

// That kubelet reads another value from a file that was edited by hand; "" if none was.
std::string edited_setting(const Root& root, const std::string& key);

// Every layer's value of a key path ("kubelet.config.maxPods"), the winner last. For lists of flags, all add
// up. What we would set ourselves (`generated`, the tree of kubelet's own configuration) comes first, for
// keys below kubelet.config.
std::vector<Opinion> opinions(const Resolved& resolved, const std::string& key, const Json& generated);

// What a node makes of a key, and what goes into it, as lines: "  computed by the eks policy: 11 MiB x 58
// pods + 255 MiB (…)"; of labels and taints, those with facts filled in. Empty for keys that are taken as
// they are, and where the facts of a node are not at hand.
std::string reasoning(const Root& root, const Resolved& resolved, const std::string& key);

// The profile in force, and below it every profile there is; those of the admin mask the vendor's.
std::string explain_profile(const Root& root, const Resolved& resolved);

// The text for people. Throws Error (usage) if the key is not one of configuration.
std::string explain(const Resolved& resolved, const std::string& key, const Json& generated,
        const std::string& reasoning = {});

} // namespace eks
